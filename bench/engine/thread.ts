/** (b), (c) What a shard thread does, in this process: a Host over all shards, driven in a closed loop. */
import { systemClock } from '../../engine/adapters/clock.ts';
import { systemRandom } from '../../engine/adapters/random.ts';
import { shardCount } from '../../engine/limits.ts';
import { silentObserver, type Observer } from '../../engine/ports/observer.ts';
import { Host } from '../../engine/shard/host.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import { Samples } from '../support/stats.ts';
import type { OpenEmptyJournal } from './journals.ts';
import { timed, type Round, type RoundSettings } from './rounds.ts';
import { benchStore, linkKey } from './store.ts';
import type { Workload } from './workload.ts';

const shards = Array.from({ length: shardCount }, (_, shard) => shard);
const drainMs = 10_000;

export async function threadRound(
  open: OpenEmptyJournal,
  workload: Workload,
  receivers: readonly string[],
  settings: RoundSettings,
): Promise<Round> {
  const byId = new Map(workload.batches.map((batch) => [batch.id, batch]));
  const { store, noteFlush } = benchStore((id) => byId.get(id));
  const samples = { flushEvents: new Samples(), flushMs: new Samples(), gateMs: new Samples() };
  const observer: Observer = {
    ...silentObserver,
    answered(_command, _code, gateMs) {
      samples.gateMs.add(gateMs);
    },
    flushed(events, _bytes, durationMs) {
      noteFlush();
      samples.flushEvents.add(events);
      samples.flushMs.add(durationMs);
    },
    alarm(what, detail) {
      throw new Error(`${what}: ${detail}`);
    },
  };
  const { journal, close } = await open();
  const host = new Host({
    journal,
    store,
    clock: systemClock,
    random: systemRandom(),
    observer,
    journalWatermark: 2,
  });
  try {
    await host.start(shards);
    await loadAll(host, workload);
    for (const one of Object.values(samples)) one.clear();
    const round = await timed(() => claimAll(host, workload, receivers, settings));
    return { ...round, ...samples };
  } finally {
    await host.drain(drainMs);
    await close();
  }
}

/** Brings every batch into memory: a load from this store would measure nothing real. */
function loadAll(host: Host, { batches }: Workload): Promise<unknown> {
  return Promise.all(
    batches.map(
      ({ id }) =>
        new Promise<void>((resolve) => {
          host.handle({ batchId: id, command: { kind: 'expire' }, reply: () => resolve() });
        }),
    ),
  );
}

/** Keeps `window` claims under way until all are made or the time is up; resolves with how many were made. */
function claimAll(
  host: Host,
  workload: Workload,
  receivers: readonly string[],
  { seconds, window }: RoundSettings,
): Promise<number> {
  const { batches, claims } = workload;
  const until = performance.now() + seconds * 1_000;
  let sent = 0;
  let answered = 0;
  return new Promise((resolve, reject) => {
    const reply = (outcome: Outcome) => {
      if (outcome.code !== 'claimed') {
        reject(new Error(`a claim came to ${outcome.code}`));
        return;
      }
      answered += 1;
      if (sent < claims && performance.now() < until) claimNext();
      else if (answered === sent) resolve(answered);
    };
    const claimNext = () => {
      const batchId = batches[sent % batches.length]?.id as string;
      const receiverId = receivers[sent] as string;
      sent += 1;
      const command = { kind: 'claim', receiverId, linkKey, open: true, tag: undefined } as const;
      host.handle({ batchId, command, reply });
    };
    for (let i = 0; i < Math.min(window, claims); i += 1) claimNext();
  });
}
