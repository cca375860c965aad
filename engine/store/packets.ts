/** Statements on `packet` and `receiver`. The unique indexes guard E11's third condition and the claims' keys. */
import { countOf, idText, piecesOf } from '../core/id-list.ts';
import type { AudienceEvent, OpenedEvent } from '../core/types.ts';
import { integers, texts } from './arrays.ts';
import { copied, copyRows } from './copy.ts';
import { receiverRowsMax } from '../limits.ts';
import { channels } from './events.ts';
import type { NewPacket } from './plan.ts';
import { rowCount, type Connection } from './statements.ts';

/**
 * Inserts claimed packets, ordered by receiver as their index is: it is the costliest one.
 *
 * @throws unique violation (23505) where a receiver or key has a packet already
 */
export function insertPackets(
  connection: Connection,
  packets: readonly NewPacket[],
): Promise<number> {
  const byReceiver = new Map<string, string>();
  for (const packet of packets) {
    const { receiverId } = packet.claim;
    byReceiver.set(receiverId, (byReceiver.get(receiverId) ?? '') + rowOf(packet));
  }
  let rows = '';
  // Sorting plain strings takes half the time of sorting packets by a comparison.
  for (const receiverId of [...byReceiver.keys()].sort()) rows += byReceiver.get(receiverId);
  return copyRows(
    connection,
    'packet (batch, packet, claimed_at, receiver, guard, amount, opened_at, opened_by_claim, key, digest, position)',
    rows,
  );
}

function rowOf({ claim, oncePerReceiver, amount, openedAt }: NewPacket): string {
  const { packet, tag, position } = claim;
  const guard = oncePerReceiver ? 0 : packet;
  const byClaim = claim.amount === undefined ? 'f' : 't';
  const head = `${claim.batchId}\t${packet}\t${claim.at}\t${copied(claim.receiverId)}\t${guard}\t${amount ?? '\\N'}\t${openedAt ?? '\\N'}\t${byClaim}`;
  if (tag === undefined && position === undefined) return `${head}\t\\N\t\\N\t\\N\n`;
  return `${head}\t${orNull(tag?.key)}\t${orNull(tag?.digest)}\t${orNull(position)}\n`;
}

function orNull(value: string | undefined): string {
  return value === undefined ? '\\N' : copied(value);
}

/** Opens packets that stand unopened with the very receiver; resolves with how many did. */
export function openPackets(
  connection: Connection,
  opens: readonly OpenedEvent[],
): Promise<number> {
  return rowCount(
    connection.query({
      name: 'open-packets',
      text: `UPDATE packet SET amount = u.amount, opened_at = u.at
        FROM unnest($1::bigint[], $2::int[], $3::text[], $4::bigint[], $5::bigint[])
          AS u (batch, packet, receiver, amount, at)
        WHERE packet.batch = u.batch AND packet.packet = u.packet
          AND packet.receiver = u.receiver AND packet.amount IS NULL`,
      values: [
        ...openKeys(opens),
        integers(opens.map((event) => event.amount)),
        integers(opens.map((event) => event.at)),
      ],
    }),
  );
}

/** Of these, the ones whose packet cannot be opened by that receiver (any more). */
export async function unopenable(
  connection: Connection,
  opens: readonly OpenedEvent[],
): Promise<OpenedEvent[]> {
  const { rows } = await connection.query<{ i: number }>(
    `SELECT u.i FROM unnest($1::bigint[], $2::int[], $3::text[]) WITH ORDINALITY AS u (batch, packet, receiver, i)
     LEFT JOIN packet ON packet.batch = u.batch AND packet.packet = u.packet
       AND packet.receiver = u.receiver AND packet.amount IS NULL
     WHERE packet.batch IS NULL`,
    openKeys(opens),
  );
  const bad = new Set(rows.map(({ i }) => i - 1));
  return opens.filter((_, i) => bad.has(i));
}

function openKeys(opens: readonly OpenedEvent[]): string[] {
  return [
    integers(opens.map((event) => event.batchId)),
    integers(opens.map((event) => event.packet)),
    texts(opens.map((event) => event.receiverId)),
  ];
}

type Listing = Pick<AudienceEvent, 'batchId' | 'channel' | 'receivers'>;

/** Lists receivers and counts the new ones on their batches, some thousands by one statement. (E8) */
export async function insertReceivers(
  connection: Connection,
  audiences: readonly Listing[],
): Promise<void> {
  let lists: Listing[] = [];
  let room = receiverRowsMax;
  for (const audience of audiences) {
    for (const receivers of piecesOf(audience.receivers, receiverRowsMax)) {
      const count = countOf(receivers);
      if (count > room) {
        await insertLists(connection, lists);
        lists = [];
        room = receiverRowsMax;
      }
      lists.push({ ...audience, receivers });
      room -= count;
    }
  }
  if (lists.length > 0) await insertLists(connection, lists);
}

/**
 * Each list is one text: the server takes it apart, and inserts in the order of the index. Who is listed already is looked
 * for, not run into: whoever lists receivers holds the lock of their batch, and ON CONFLICT would take half as long again.
 */
async function insertLists(connection: Connection, lists: readonly Listing[]): Promise<void> {
  await connection.query(
    `WITH fresh AS MATERIALIZED (
       SELECT DISTINCT ON (batch, id COLLATE "C") batch, channel, id
       FROM unnest($1::bigint[], $2::smallint[], $3::text[]) WITH ORDINALITY AS listing (batch, channel, ids, place)
         CROSS JOIN LATERAL unnest(string_to_array(ids, ' ')) AS id
       WHERE NOT EXISTS (
         SELECT FROM receiver WHERE receiver.batch = listing.batch AND receiver.user_id = id COLLATE "C")
       ORDER BY batch, id COLLATE "C", place),
     added AS (INSERT INTO receiver (batch, channel, user_id) SELECT batch, channel, id FROM fresh)
     UPDATE batch SET receivers = batch.receivers + counted.n
     FROM (SELECT batch, count(*)::int AS n FROM fresh GROUP BY batch) AS counted WHERE batch.id = counted.batch`,
    [
      integers(lists.map(({ batchId }) => batchId)),
      integers(lists.map(({ channel }) => channels[channel])),
      texts(lists.map(({ receivers }) => idText(receivers))),
    ],
  );
}
