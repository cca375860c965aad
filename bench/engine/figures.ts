/** Engine figures beside claims per second: memory, the load of a batch with a million claims, settling. */
import type { Cleanup } from '../support/cleanup.ts';
import { spreadOf, type Spread } from '../support/stats.ts';
import { whole } from '../support/table.ts';
import { loadBench } from './load.ts';
import { memoryBench } from './memory.ts';
import { settleRound } from './settle.ts';

export interface FigureRow {
  readonly what: string;
  readonly unit: string;
  readonly value: Spread;
}

const loadedClaims = 1_000_000;
const settledClaims = 200_000;
/** What a flush carries under load. */
const claimsPerJob = 500;
const spreadBatches = 10_000;
const megabyte = 1e6;

/** @param redis whether a redis-server is there: settling is measured over a Redis journal */
export async function figures(
  rounds: number,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<FigureRow[]> {
  const rows: FigureRow[] = [];
  const add = (what: string, unit: string, values: readonly number[]) => {
    const value = spreadOf(values);
    print(`${what}: ${shown(value.median)} ${unit}`);
    rows.push({ what, unit, value });
  };
  const memory = await memoryBench();
  // One actor alone drowns in what else the heap does.
  const many = memory.filter(({ actors }) => actors > 1);
  add(
    'resident actor without claims',
    'bytes',
    many.map(({ bytesPerActor }) => bytesPerActor),
  );
  for (const { actors, claims, idLength, bytesPerClaim } of memory)
    add(`claim, ${whole(actors)} × ${whole(claims)}, ids of ${idLength}`, 'bytes', [bytesPerClaim]);

  const loads = await loadBench(loadedClaims, rounds, cleanup);
  const load = `load of ${whole(loadedClaims)} claims`;
  const ofLoads = (of: keyof (typeof loads)[number], by = 1) => loads.map((one) => one[of] / by);
  add(load, 's', ofLoads('seconds'));
  add(`${load}, CPU of the thread`, 's', ofLoads('cpuSeconds'));
  add(`${load}, longest stop of the thread`, 'ms', ofLoads('blockedMs'));
  add(`${load}, memory at most`, 'MB', ofLoads('peakBytes', megabyte));
  add(`${load}, memory afterwards`, 'MB', ofLoads('keptBytes', megabyte));

  if (redis) {
    for (const [name, batches] of [['hot', 1] as const, ['spread', spreadBatches] as const]) {
      const rates: number[] = [];
      for (let i = 0; i < rounds; i += 1) {
        const workload = { name, batches, claims: settledClaims, claimsPerJob };
        const { claims, seconds } = await settleRound(workload, cleanup);
        rates.push(claims / seconds);
      }
      add(`settled, ${name}`, 'claims/s', rates);
    }
  }
  return rows;
}

export function shown(value: number): string {
  return value < 100 ? value.toFixed(value < 10 ? 2 : 0) : whole(value);
}
