/**
 * Runs: what is stored of pushes. One run is a row for n pushes of one user with successive numbers, and refers to rows
 * that exist anyway, so that a sender of a million packets costs one row per settle transaction. Pure. (E12, ¶144–147)
 */
import { assert } from '../core/assert.ts';
import type { BatchEvent } from '../core/types.ts';
import { pushRunMax } from '../limits.ts';
import type { Standing } from '../store/plan.ts';
import type { Told } from './shown.ts';

/** Stored numbers of the kinds; never renumber. */
export const runKinds = { generated: 1, sender: 2, receiver: 3, message: 4, told: 5 } as const;

export interface Run {
  readonly kind: (typeof runKinds)[keyof typeof runKinds];
  /** Pushes of this run. */
  n: number;
  /** Batch or conversation. */
  readonly subject: string | null;
  /** First version or number. */
  readonly from: number | null;
  to: number | null;
  /** A push that no other row tells. */
  readonly detail?: Told;
}

/** Runs by user, each user's in the order of their numbers. */
export type Runs = Map<string, Run[]>;

export function addRun(runs: Runs, userId: string, run: Run): void {
  const list = runs.get(userId);
  if (list === undefined) runs.set(userId, [run]);
  else list.push(run);
}

export function pushesIn(list: readonly Run[]): number {
  return list.reduce((sum, { n }) => sum + n, 0);
}

/** Pushes that an event brings its batch's sender; `shownToSender` shows as many. */
export function senderPushes(event: BatchEvent, count: number): number {
  switch (event.kind) {
    case 'audience':
      return 0;
    case 'claimed':
      return 1 + (event.amount === undefined ? 0 : 1) + (event.packet === count ? 1 : 0);
    case 'opened':
    case 'expired':
      return 1;
  }
}

/** Pushes that a claim, open or expiry brings a receiver. */
export function receiverPushes(event: BatchEvent): number {
  return event.kind === 'claimed' && event.amount !== undefined ? 2 : 1;
}

/** Who hears of settled events, as far as they listen. */
export interface Hearers {
  readonly listening: ReadonlySet<string>;
  /** Listeners with packets that expired unopened, by batch. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
}

/**
 * Adds what settled events mean for those who listen. Senders hear of everything and are told once, also of packets
 * they claimed themselves.
 *
 * @param events by batch, versions of a batch without a gap
 */
export function addSettled(
  runs: Runs,
  events: readonly BatchEvent[],
  standings: ReadonlyMap<string, Standing>,
  { listening, holders }: Hearers,
): void {
  let standing: Standing | undefined;
  let batchId = '';
  let open: Run | undefined;
  for (const event of events) {
    if (event.batchId !== batchId) {
      batchId = event.batchId;
      standing = standings.get(batchId);
      open = undefined;
    }
    assert(standing !== undefined, 'what settles belongs to a batch that was read');
    const { senderId, summary } = standing;
    if (listening.has(senderId)) {
      const n = senderPushes(event, summary.count);
      if (n > 0) {
        if (open === undefined || open.n >= pushRunMax) {
          open = runOf(runKinds.sender, event, 0);
          addRun(runs, senderId, open);
        }
        open.n += n;
        open.to = event.version;
      }
    }
    for (const userId of receiversOf(event, holders)) {
      if (userId === senderId || !listening.has(userId)) continue;
      addRun(runs, userId, runOf(runKinds.receiver, event, receiverPushes(event)));
    }
  }
}

const nobody: readonly string[] = [];

function receiversOf(event: BatchEvent, holders: Hearers['holders']): readonly string[] {
  if (event.kind === 'audience') return nobody;
  if (event.kind === 'expired') return holders.get(event.batchId) ?? nobody;
  return [event.receiverId];
}

function runOf(kind: Run['kind'], { batchId, version }: BatchEvent, n: number): Run {
  return { kind, n, subject: batchId, from: version, to: version };
}
