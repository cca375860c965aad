/** `npm run bench`: the benchmarks, each with a table and a JSON file under bench/results. See bench/README.md. */
import { audienceBench } from './audience.ts';
import { audienceTables } from './audience/tables.ts';
import { engineBench, engineTable } from './engine.ts';
import { httpBench } from './http.ts';
import { goalsOf, goalTable } from './http/goals.ts';
import { millionTable } from './http/million.ts';
import { rowsOf } from './http/rows.ts';
import { httpTables } from './http/tables.ts';
import { pollsBench, pollsTable } from './polls.ts';
import { type Settings, settingsOf } from './settings.ts';
import { streamsBench } from './streams.ts';
import { streamsTable } from './streams/result.ts';
import { Cleanup } from './support/cleanup.ts';
import { describeMachine, machineLine } from './support/machine.ts';
import { findRedisServer } from './support/redis.ts';
import { writeResult } from './support/results.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);

/** @returns the exit code: 1 when a round is void or a benchmark failed */
async function main(settings: Settings): Promise<number> {
  const redisServer = await findRedisServer();
  const machine = await describeMachine(redisServer);
  const redis = redisServer !== undefined;
  print(machineLine(machine));
  if (!redis) print('redis-server is not on PATH: the Redis journal is left out');
  // Every child process leaves a listener that ends it with us.
  process.setMaxListeners(0);
  const cleanup = new Cleanup().onSignals();
  let code = 0;
  try {
    if (settings.parts.includes('engine')) {
      const rows = await engineBench(settings, redis, cleanup, print);
      print(`\n${engineTable(rows)}`);
      print(`${await writeResult('engine', machine, settings, rows)}\n`);
      await cleanup.run();
    }
    if (settings.parts.includes('http') || settings.parts.includes('million')) {
      const { rounds, millions } = await httpBench(settings, redis, cleanup, print);
      const rows = rowsOf(rounds);
      const goals = goalsOf(rows, millions);
      if (rows.length > 0) print(`\n${httpTables(rows, settings.markdown)}`);
      if (millions.length > 0) print(`\n${millionTable(millions, settings.markdown)}`);
      if (goals.length > 0) print(`\n${goalTable(goals, settings.markdown)}`);
      const results = { rows, goals, millions, rounds };
      print(`\n${await writeResult('http', machine, settings, results)}\n`);
      if ([...rounds, ...millions].some(({ problems }) => problems.length > 0)) code = 1;
      await cleanup.run();
    }
    if (settings.parts.includes('streams')) {
      const result = await streamsBench(settings, cleanup, print);
      print(`\n${streamsTable(result, settings.markdown)}`);
      print(`\n${await writeResult('streams', machine, settings, result)}\n`);
      if (result.lost > 0) code = 1;
      await cleanup.run();
    }
    if (settings.parts.includes('audience')) {
      const result = await audienceBench(settings, redis, cleanup, print);
      print(`\n${audienceTables(result, settings.markdown)}`);
      print(`\n${await writeResult('audience', machine, settings, result)}\n`);
      await cleanup.run();
    }
    if (settings.parts.includes('polls')) {
      const rows = await pollsBench(settings, redis, cleanup, print);
      print(`\n${pollsTable(rows, settings.markdown)}`);
      print(`\n${await writeResult('polls', machine, settings, rows)}\n`);
      if (rows.some(({ failed }) => failed > 0)) code = 1;
      await cleanup.run();
    }
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.stack : String(error)}\n`);
    code = 1;
  } finally {
    await cleanup.run();
  }
  return code;
}

try {
  process.exitCode = await main(settingsOf(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
