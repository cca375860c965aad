/**
 * Proves with a system-call trace, for both journals, that the disk has a claim before its client is told (DESIGN's
 * gate; `kill -9` proves nothing here, because the page cache survives it). Then proves that the check can fail.
 *
 *   test/trace/fsync-order.sh [--claims N]
 *
 * Exit code 0: proved. 1: something is wrong. 2: nothing can be traced here.
 */
import { parseArgs } from 'node:util';
import { Cleanup } from '../../bench/support/cleanup.ts';
import { lies } from './doctored.ts';
import { checkOrder, stepNames, type Steps } from './order.ts';
import { openScene, type JournalKind, type Scene } from './scene.ts';
import { NoTrace, straceProgram } from './strace.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

/** Times from the request's arrival, ms. */
function timeline(steps: Steps): string {
  const zero = steps.request.at;
  return stepNames
    .map((name) => {
      const { at, seconds, name: call, pid } = steps[name];
      const from = ((at - zero) * 1_000).toFixed(2);
      const to = ((at + seconds - zero) * 1_000).toFixed(2);
      return `    ${name.padEnd(9)} ${call.padEnd(10)} by ${pid}: ${from} … ${to} ms`;
    })
    .join('\n');
}

/** Every claim must be in order, and none of the lies told about its trace may pass. */
async function prove(scene: Scene, count: number): Promise<number> {
  let wrong = 0;
  const { trace, claims } = await scene.trace(count);
  for (const claim of claims) {
    const verdict = checkOrder(trace, claim, scene.processes);
    if (verdict.ok) print(`  ok: packet ${claim.packetId}\n${timeline(verdict.steps)}`);
    else {
      wrong += 1;
      print(`  WRONG: packet ${claim.packetId}: ${verdict.reason}`);
    }
    for (const [lie, tell] of Object.entries(lies)) {
      if (!checkOrder(tell(trace), claim, scene.processes).ok) continue;
      wrong += 1;
      print(`  WRONG: the check believes a trace in which ${lie}`);
    }
  }
  if (wrong === 0) print(`  ${claims.length} claims in order; no doctored trace was believed`);
  return wrong;
}

/** Redis that syncs once a second, set behind the running server's back: the check must notice. */
async function proveFailure(scene: Scene, count: number): Promise<number> {
  await scene.redis?.config('appendfsync', 'everysec');
  const { trace, claims } = await scene.trace(count);
  // A sync of the second may fall right into one claim's gap, not into all.
  const reasons = claims.flatMap((claim) => {
    const verdict = checkOrder(trace, claim, scene.processes);
    return verdict.ok ? [] : [verdict.reason];
  });
  print(`  with appendfsync everysec ${reasons.length} of ${claims.length} claims are caught`);
  if (reasons[0] !== undefined) print(`    ${reasons[0]}`);
  return reasons.length > 0 ? 0 : 1;
}

async function main(count: number): Promise<number> {
  const cleanup = new Cleanup().onSignals();
  try {
    await straceProgram();
    let wrong = 0;
    for (const journal of ['embedded PostgreSQL', 'Redis'] satisfies JournalKind[]) {
      print(`journal: ${journal}`);
      const scene = await openScene(journal, cleanup);
      wrong += await prove(scene, count);
      if (scene.redis !== undefined) wrong += await proveFailure(scene, count);
      await cleanup.run();
    }
    return wrong === 0 ? 0 : 1;
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return error instanceof NoTrace ? 2 : 1;
  } finally {
    await cleanup.run();
  }
}

const { values } = parseArgs({ options: { claims: { type: 'string', default: '5' } } });
process.exitCode = await main(Number(values.claims));
