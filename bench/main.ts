/** `npm run bench`: the benchmarks, each with a table and a JSON file under bench/results. See bench/README.md. */
import { parseArgs } from 'node:util';
import { engineBench, engineTable } from './engine.ts';
import { httpBench, httpTable } from './http.ts';
import { Cleanup } from './support/cleanup.ts';
import { describeMachine, machineLine } from './support/machine.ts';
import { findRedisServer } from './support/redis.ts';
import { writeResult } from './support/results.ts';

const defaults = { seconds: 4, rounds: 5, connections: 256, window: 5_000, receivers: 20_000 };

const help = `npm run bench -- [options]
  --only engine|http  one of the two benchmarks
  --seconds N         of each round, default ${defaults.seconds}
  --rounds N          of each measurement, default ${defaults.rounds}
  --connections N     http: default ${defaults.connections}
  --receivers N       http: tokens in turn, default ${defaults.receivers}
  --window N          engine: claims under way, default ${defaults.window}`;

type Settings = typeof defaults & { readonly only: string | undefined };

/** @throws Error with lines for the user */
function settingsOf(args: readonly string[]): Settings {
  const names = [...Object.keys(defaults), 'only'];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean' as const } },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (given['help'] === true) throw new Error(help);
  const { only } = given;
  if (only !== undefined && only !== 'engine' && only !== 'http') throw new Error(help);
  const number = (name: keyof typeof defaults) => {
    const value = Number(given[name] ?? defaults[name]);
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw new Error(`--${name} must be a positive integer\n${help}`);
  };
  return {
    only,
    seconds: number('seconds'),
    rounds: number('rounds'),
    connections: number('connections'),
    window: number('window'),
    receivers: number('receivers'),
  };
}

const print = (line: string) => process.stdout.write(`${line}\n`);

/** @returns the exit code: 1 when a round is void or a benchmark failed */
async function main(settings: Settings): Promise<number> {
  const redisServer = await findRedisServer();
  const machine = await describeMachine(redisServer);
  const redis = redisServer !== undefined;
  print(machineLine(machine));
  if (!redis) print('redis-server is not on PATH: the Redis journal is left out');
  const cleanup = new Cleanup().onSignals();
  let code = 0;
  try {
    if (settings.only !== 'http') {
      const rows = await engineBench(settings, redis, cleanup, print);
      print(`\n${engineTable(rows)}`);
      print(`${await writeResult('engine', machine, settings, rows)}\n`);
      await cleanup.run();
    }
    if (settings.only !== 'engine') {
      const report = await httpBench(settings, redis, cleanup, print);
      print(`\n${httpTable(report.rows)}`);
      print(`${await writeResult('http', machine, settings, report)}\n`);
      if (report.rows.some(({ problems }) => problems.length > 0)) code = 1;
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
