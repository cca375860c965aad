/**
 * Statements that load a batch for its actor, from one snapshot. Guards invariant 6: a gap in versions or packets
 * stops the load.
 */
import { assert } from '../core/assert.ts';
import { beginRestore, endRestore, restorePacket, restoreTag } from '../core/restore.ts';
import type { StoredBatch } from '../core/restore.ts';
import type { BatchState } from '../core/state.ts';
import type { BatchParams, Mode } from '../core/types.ts';
import { loadPageRows } from '../limits.ts';
import type { LoadedBatch } from '../ports/store.ts';
import { isBatchId } from './batches.ts';
import { inOrder, type Connection } from './statements.ts';

interface BatchRow {
  readonly confirmed_at: number | null;
  readonly expires_at: number | null;
  readonly created_at: number;
  readonly mode: Mode;
  readonly count: number;
  readonly total: number;
  readonly each: number | null;
  readonly asset: string;
  readonly greeting: string;
  readonly sender: string;
  readonly once_per_receiver: boolean;
  readonly link_key: string;
  readonly version: number;
  readonly last_event_at: number;
  readonly anyone: boolean;
  readonly receivers: number;
  readonly claimed: number;
  readonly opened: number;
  readonly opened_amount: number;
  readonly refunded_amount: number;
  readonly expired_at: number | null;
  readonly quarantined: boolean;
}

/** The connection is in a REPEATABLE READ transaction. @throws AssertionError on a gap */
export async function loadBatch(connection: Connection, batchId: string): Promise<LoadedBatch> {
  if (!isBatchId(batchId)) return { kind: 'unknown' };
  const { rows } = await connection.query<BatchRow>(
    `SELECT confirmed_at, expires_at, created_at, mode, count, total, each, asset, greeting, sender,
       once_per_receiver, link_key, version, last_event_at, anyone, receivers, claimed, opened, opened_amount,
       refunded_amount, expired_at, quarantined
     FROM batch WHERE id = $1`,
    [batchId],
  );
  const [row] = rows;
  if (row === undefined) return { kind: 'unknown' };
  if (row.confirmed_at === null) return { kind: 'not_active' };
  if (row.quarantined) return { kind: 'quarantined' };
  const stored = storedOf(batchId, row);
  const state = beginRestore(stored);
  state.listed.reserve(row.receivers);
  await inOrder([
    checkKeys(connection, batchId, stored),
    loadListed(connection, state),
    loadPackets(connection, state, stored.claimed),
  ]);
  return { kind: 'active', state: endRestore(state, stored) };
}

function storedOf(id: string, row: BatchRow): StoredBatch {
  return {
    params: paramsOf(id, row),
    version: row.version,
    lastEventAt: row.last_event_at,
    anyone: row.anyone,
    claimed: row.claimed,
    opened: row.opened,
    openedAmount: row.opened_amount,
    expired: row.expired_at !== null,
    refundedAmount: row.refunded_amount,
  };
}

function paramsOf(id: string, row: BatchRow): BatchParams {
  assert(row.expires_at !== null, 'a confirmed batch has an end');
  return {
    id,
    mode: row.mode,
    count: row.count,
    total: row.total,
    each: row.each ?? undefined,
    asset: row.asset,
    greeting: row.greeting,
    senderId: row.sender,
    oncePerReceiver: row.once_per_receiver,
    linkKey: row.link_key,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

/** Keys are unique, so count and greatest tell whether there is a gap. */
async function checkKeys(
  connection: Connection,
  batchId: string,
  { version, claimed }: StoredBatch,
): Promise<void> {
  const { rows } = await connection.query<
    [events: number, newest: number | null, last: number | null]
  >({
    name: 'load-keys',
    rowMode: 'array',
    text: `SELECT count(*), max(version), (SELECT max(packet) FROM packet WHERE batch = $1)
      FROM event WHERE batch = $1`,
    values: [batchId],
  });
  const [events = 0, newest, last] = rows[0] ?? [];
  const whole = events === version && (newest ?? 0) === version;
  assert(
    whole,
    `batch ${batchId}: ${events} events up to ${newest}, but its version is ${version}`,
  );
  assert((last ?? 0) === claimed, `batch ${batchId}: its counters differ from its packets`);
}

/** Columns of a page of packets, each as one text: a tenth of the driver's work, half of everything. */
type PacketPage = [
  packets: number,
  receivers: string | null,
  claimedAt: string | null,
  /** 0 while unopened. */
  amounts: string | null,
  openedAt: string | null,
  tagged: number,
];

/** Page by page, so that neither the thread stands still nor rows pile up. */
async function loadPackets(
  connection: Connection,
  state: BatchState,
  claimed: number,
): Promise<void> {
  const { id } = state.params;
  for (let from = 0; from < claimed; from += loadPageRows) {
    const to = Math.min(claimed, from + loadPageRows);
    const { rows } = await connection.query<PacketPage>({
      name: 'load-packets',
      rowMode: 'array',
      text: `SELECT count(*), string_agg(receiver, ' '), string_agg(claimed_at::text, ' '),
          string_agg(coalesce(amount, 0)::text, ' '), string_agg(coalesce(opened_at, 0)::text, ' '), count(key)
        FROM (SELECT * FROM packet WHERE batch = $1 AND packet > $2 AND packet <= $3 ORDER BY packet) AS page`,
      values: [id, from, to],
    });
    const [packets = 0, receivers, claimedAt, amounts, openedAt, tagged = 0] = rows[0] ?? [];
    const receiverIds = split(receivers);
    // An id never has a space in it, or it would be two here.
    const whole = packets === to - from && receiverIds.length === packets;
    assert(whole, `batch ${id}: its counters differ from its packets`);
    const at = split(claimedAt);
    const amount = split(amounts);
    const opened = split(openedAt);
    for (const [i, receiverId] of receiverIds.entries())
      restorePacket(state, receiverId, Number(at[i]), Number(amount[i]), Number(opened[i]));
    if (tagged > 0) await loadTags(connection, state, from, to);
  }
}

function split(column: string | null | undefined): string[] {
  return column === null || column === undefined ? [] : column.split(' ');
}

type TagRow = [
  packet: number,
  key: string,
  digest: string,
  position: string | null,
  openedByClaim: boolean,
];

async function loadTags(
  connection: Connection,
  state: BatchState,
  from: number,
  to: number,
): Promise<void> {
  const { rows } = await connection.query<TagRow>({
    name: 'load-tags',
    rowMode: 'array',
    text: `SELECT packet, key, digest, position, opened_by_claim FROM packet
      WHERE batch = $1 AND packet > $2 AND packet <= $3 AND key IS NOT NULL ORDER BY packet`,
    values: [state.params.id, from, to],
  });
  // Neighbours came in the same job mostly: one string for all of them.
  let shared: string | undefined;
  for (const [packet, key, digest, position, openedByClaim] of rows) {
    if (position !== shared) shared = position ?? undefined;
    restoreTag(state, packet, { key, digest }, shared, openedByClaim);
  }
}

async function loadListed(connection: Connection, state: BatchState): Promise<void> {
  let after = '';
  for (;;) {
    const { rows } = await connection.query<
      [receivers: number, last: string | null, ids: string | null]
    >({
      name: 'load-receivers',
      rowMode: 'array',
      text: `SELECT count(*), max(user_id), string_agg(user_id, ' ')
        FROM (SELECT user_id FROM receiver WHERE batch = $1 AND user_id > $2 ORDER BY user_id
          LIMIT ${loadPageRows}) AS page`,
      values: [state.params.id, after],
    });
    const [receivers = 0, last, ids] = rows[0] ?? [];
    state.listed.add({ joined: ids ?? '' });
    if (receivers < loadPageRows) return;
    after = last ?? '';
  }
}
