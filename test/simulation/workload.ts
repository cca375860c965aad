/** What clients will ask in one run: batches and operations, drawn beforehand, so that a prefix of them is a run too. */
import type { BatchParams } from '../../engine/core/types.ts';
import type { Dice } from './dice.ts';

export const linkKey = 'the-key-of-the-link-0001';

export interface PlannedBatch {
  readonly params: BatchParams;
  /** When the confirmation is asked for, ms from the start; 0: it is confirmed before the run begins. */
  readonly confirmAtMs: number;
}

interface Base {
  readonly id: number;
  readonly atMs: number;
  readonly batchId: string;
  readonly userId: string;
  /** Chooses the process that is asked. */
  readonly route: number;
}

export type Operation = Base &
  (
    | {
        readonly kind: 'claim';
        readonly open: boolean;
        readonly linkKey: string | undefined;
        readonly tag: { readonly key: string; readonly digest: string } | undefined;
      }
    | { readonly kind: 'open'; readonly packetId: string | undefined }
    | {
        readonly kind: 'audience';
        readonly receivers: readonly string[];
        readonly anyone: boolean;
      }
    | {
        readonly kind: 'page';
        /** Sends the newest position that a client was told about this batch. */
        readonly withPosition: boolean;
      }
  );

export interface Workload {
  readonly batches: readonly PlannedBatch[];
  readonly operations: readonly Operation[];
}

function drawBatch(dice: Dice, index: number, startMs: number, spanMs: number): PlannedBatch {
  const count = dice.pick([2, 3, 5, 8, 16]);
  const fixed = dice.chance(0.2);
  const each = dice.between(1, 9);
  // Mostly a few units a packet: rounding would show.
  const spare = dice.below(count * dice.pick([1, 1, 3, 100]) + 1);
  const total = fixed ? each * count : count + spare;
  const expires = dice.pick([spanMs / 3, spanMs, 3_600_000, 3_600_000]);
  const params: BatchParams = {
    id: String(1_000 + 37 * index + dice.below(30)),
    mode: fixed ? 'fixed' : 'lucky',
    count,
    total,
    each: fixed ? each : undefined,
    asset: 'CNY',
    greeting: '',
    senderId: `sender${index}`,
    oncePerReceiver: dice.chance(0.7),
    linkKey,
    createdAt: startMs,
    expiresAt: startMs + Math.round(expires * (0.5 + dice.below(1000) / 1000)),
  };
  return { params, confirmAtMs: dice.chance(0.6) ? 0 : dice.below(Math.ceil(spanMs / 2)) };
}

function drawClaim(dice: Dice, base: Base, once: boolean): Operation {
  const tagged = once ? dice.chance(0.2) : dice.chance(0.95);
  const digest = dice.chance(0.95) ? 'd1' : 'd2';
  return {
    ...base,
    kind: 'claim',
    open: dice.chance(0.65),
    linkKey: dice.chance(0.95) ? linkKey : 'wrong',
    tag: tagged ? { key: `key ${dice.below(3)}`, digest } : undefined,
  };
}

function drawOperation(dice: Dice, base: Base, planned: PlannedBatch, users: number): Operation {
  const { params } = planned;
  const kind = dice.below(100);
  if (kind < 55) return drawClaim(dice, base, params.oncePerReceiver);
  if (kind < 82) {
    const packet = dice.between(1, params.count);
    return {
      ...base,
      kind: 'open',
      packetId: dice.chance(0.8) ? undefined : `${params.id}-${packet}`,
    };
  }
  if (kind < 90) {
    const receivers = Array.from({ length: dice.below(3) }, () => `u${dice.below(users)}`);
    const userId = dice.chance(0.9) ? params.senderId : base.userId;
    return { ...base, userId, kind: 'audience', receivers, anyone: dice.chance(0.6) };
  }
  return { ...base, kind: 'page', withPosition: dice.chance(0.5) };
}

/** @param count operations of clients, the first audience of each batch included */
export function drawWorkload(dice: Dice, count: number, startMs: number, spanMs: number): Workload {
  const batches = Array.from({ length: dice.between(1, 5) }, (_, i) =>
    drawBatch(dice, i, startMs, spanMs),
  );
  const users = dice.pick([4, 10, 25]);
  const burst = dice.chance(0.4);
  const operations: Operation[] = [];
  for (let i = 0; i < count; i += 1) {
    const planned = batches[i] ?? dice.pick(batches);
    const { params, confirmAtMs } = planned;
    const centre = burst ? Math.floor(dice.below(5) * (spanMs / 5)) : 0;
    const atMs = burst ? centre + dice.below(60) : dice.below(spanMs);
    const route = dice.below(2 ** 31);
    const base = { id: i, atMs, batchId: params.id, userId: `u${dice.below(users)}`, route };
    if (i < batches.length) {
      // Somebody has to be let in, soon after the confirmation.
      const anyone = dice.chance(0.9);
      const receivers = anyone ? [] : Array.from({ length: users }, (_, u) => `u${u}`);
      const soon = { ...base, atMs: confirmAtMs + dice.below(50), userId: params.senderId };
      operations.push({ ...soon, kind: 'audience', receivers, anyone });
    } else if (dice.chance(0.02)) {
      operations.push(drawClaim(dice, { ...base, batchId: '999999' }, true));
    } else {
      // Many come the moment a batch is confirmed: some of them find it loading.
      const rush = confirmAtMs > 0 && dice.chance(0.15);
      const rushAtMs = Math.max(0, confirmAtMs + dice.between(-15, 15));
      const when = rush ? { ...base, atMs: rushAtMs } : base;
      operations.push(drawOperation(dice, when, planned, users));
    }
  }
  operations.sort((one, other) => one.atMs - other.atMs || one.id - other.id);
  return { batches, operations };
}
