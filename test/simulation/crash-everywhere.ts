/**
 * Crashes, enumerated: a short fixed script is run once to count its steps, and then once for each part and each
 * step with that part crashed there. (Sampled crashes hit the usual places often and the rare ones never.)
 */
import type { Faults, MomentKind } from './faults.ts';
import { injectNow } from './inject.ts';
import type { Setting } from './setting.ts';
import { simulateSetting } from './simulate.ts';
import { linkKey, type Operation, type PlannedBatch } from './workload.ts';

const startMs = 1_800_000_000_000;
const spanMs = 400;

const batch: PlannedBatch = {
  params: {
    id: '1007',
    mode: 'lucky',
    count: 3,
    total: 20,
    each: undefined,
    asset: 'CNY',
    greeting: '',
    senderId: 'sender',
    oncePerReceiver: true,
    linkKey,
    createdAt: startMs,
    expiresAt: startMs + 250,
  },
  confirmAtMs: 0,
};

function operation(id: number, atMs: number, rest: object): Operation {
  const base = { id, atMs, batchId: '1007', userId: `u${id}`, route: 0 };
  return { ...base, ...rest } as Operation;
}

const claim = { kind: 'claim', open: true, linkKey, tag: undefined };
/** Let in, claim, open, be refused, expire. */
const script: readonly Operation[] = [
  operation(0, 1, { kind: 'audience', userId: 'sender', receivers: [], anyone: true }),
  operation(1, 20, claim),
  operation(2, 21, { ...claim, open: false }),
  operation(3, 30, { kind: 'open', userId: 'u2', packetId: undefined }),
  operation(4, 40, { ...claim, open: false }),
  operation(5, 41, claim),
  operation(6, 300, { kind: 'open', userId: 'u4', packetId: undefined }),
];

const none: Faults = { moments: [], adds: new Map(), run: new Set() };

const setting: Setting = {
  seed: 1,
  startMs,
  spanMs,
  processes: 1,
  threads: 1,
  workers: 1,
  allShards: false,
  residentActors: 1,
  burstBytes: undefined,
  ways: { minMs: 1, jitterMs: 2, tailChance: 0, tailMs: 1 },
  workload: { batches: [batch], operations: script },
  faults: none,
};

/** Every part that can die. */
export const parts: readonly MomentKind[] = [
  'crash-thread',
  'crash-process',
  'crash-worker',
  'crash-database',
  'restart-journal',
  'throwing-actor',
];

export interface Everywhere {
  readonly runs: number;
  readonly failures: readonly string[];
}

export async function crashEverywhere(
  progress: (done: number, all: number) => void = () => undefined,
  every = 1,
): Promise<Everywhere> {
  let last = 0;
  const plain = await simulateSetting(setting, {
    beforeStep: (step, world) => {
      if (!world.calm) last = step;
    },
  });
  const failures: string[] = plain.failure === undefined ? [] : [`no crash: ${plain.failure}`];
  const all = parts.length * Math.ceil(last / every);
  let runs = 0;
  for (const kind of parts) {
    for (let at = 1; at <= last; at += every) {
      const report = await simulateSetting(setting, {
        beforeStep: (step, world) => {
          if (step === at) injectNow(world, { kind, atMs: 0, draw: 0, durationMs: 30 });
        },
      });
      runs += 1;
      progress(runs, all);
      if (report.failure !== undefined) failures.push(`${kind} at step ${at}: ${report.failure}`);
    }
  }
  return { runs, failures };
}
