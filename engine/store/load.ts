/**
 * Statements that load a batch for its actor, from one snapshot. Guards invariant 6: a gap in versions or packets
 * stops the load.
 */
import { assert } from '../core/assert.ts';
import type { BatchParams, Mode, Packet } from '../core/types.ts';
import type { LoadedBatch } from '../ports/store.ts';
import { isBatchId } from './batches.ts';
import type { Connection } from './statements.ts';

/** Rows fetched at a time: bounds the driver's memory for a batch of a million packets. */
const chunkRows = 20_000;

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
       once_per_receiver, link_key, version, last_event_at, anyone, claimed, opened, opened_amount,
       refunded_amount, expired_at, quarantined
     FROM batch WHERE id = $1`,
    [batchId],
  );
  const [row] = rows;
  if (row === undefined) return { kind: 'unknown' };
  if (row.confirmed_at === null) return { kind: 'not_active' };
  if (row.quarantined) return { kind: 'quarantined' };
  await checkVersions(connection, batchId, row.version);
  const packets = await selectPackets(connection, batchId);
  checkPackets(batchId, row, packets);
  const snapshot = {
    params: paramsOf(batchId, row),
    version: row.version,
    lastEventAt: row.last_event_at,
    anyone: row.anyone,
    receivers: await selectReceivers(connection, batchId),
    packets,
    expired: row.expired_at !== null,
    refundedAmount: row.refunded_amount,
  };
  return { kind: 'active', snapshot };
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

async function checkVersions(
  connection: Connection,
  batchId: string,
  version: number,
): Promise<void> {
  const { rows } = await connection.query<{ n: number; newest: number | null }>(
    'SELECT count(*) AS n, max(version) AS newest FROM event WHERE batch = $1',
    [batchId],
  );
  const { n = 0, newest } = rows[0] ?? {};
  const whole = n === version && (newest ?? 0) === version;
  assert(whole, `batch ${batchId}: ${n} events up to ${newest}, but its version is ${version}`);
}

/** Packet keys ascend from 1, so the last one tells the count. */
function checkPackets(batchId: string, row: BatchRow, packets: readonly Packet[]): void {
  let opened = 0;
  let amount = 0;
  for (const [i, packet] of packets.entries()) {
    assert(packet.packet === i + 1, `batch ${batchId}: packet ${i + 1} is missing`);
    if (packet.amount === undefined) continue;
    opened += 1;
    amount += packet.amount;
  }
  const agree =
    packets.length === row.claimed && opened === row.opened && amount === row.opened_amount;
  assert(agree, `batch ${batchId}: its counters differ from its packets`);
}

type PacketRow = [
  packet: number,
  receiver: string,
  claimedAt: number,
  amount: number | null,
  openedAt: number | null,
  openedByClaim: boolean,
  key: string | null,
  digest: string | null,
  position: string | null,
];

async function selectPackets(connection: Connection, batchId: string): Promise<Packet[]> {
  const packets: Packet[] = [];
  for (;;) {
    const { rows } = await connection.query<PacketRow>({
      name: 'load-packets',
      rowMode: 'array',
      text: `SELECT packet, receiver, claimed_at, amount, opened_at, opened_by_claim, key, digest, position
        FROM packet WHERE batch = $1 AND packet > $2 ORDER BY packet LIMIT ${chunkRows}`,
      values: [batchId, packets.at(-1)?.packet ?? 0],
    });
    for (const row of rows) packets.push(packetOf(row));
    if (rows.length < chunkRows) return packets;
  }
}

function packetOf(row: PacketRow): Packet {
  const [packet, receiverId, claimedAt, amount, openedAt, openedByClaim, key, digest, position] =
    row;
  return {
    packet,
    receiverId,
    claimedAt,
    amount: amount ?? undefined,
    openedAt: openedAt ?? undefined,
    tag: key === null || digest === null ? undefined : { key, digest },
    position: position ?? undefined,
    openedByClaim,
  };
}

async function selectReceivers(connection: Connection, batchId: string): Promise<string[]> {
  const receivers: string[] = [];
  for (;;) {
    const { rows } = await connection.query<[string]>({
      name: 'load-receivers',
      rowMode: 'array',
      text: `SELECT user_id FROM receiver WHERE batch = $1 AND user_id > $2 ORDER BY user_id LIMIT ${chunkRows}`,
      values: [batchId, receivers.at(-1) ?? ''],
    });
    for (const [userId] of rows) receivers.push(userId);
    if (rows.length < chunkRows) return receivers;
  }
}
