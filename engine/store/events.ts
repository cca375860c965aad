/** Statements on `event`, where a taken key is what makes settling happen once. Guards invariants 4 and 6. */
import { assert } from '../core/assert.ts';
import type { BatchEvent, Channel, IdempotencyTag } from '../core/types.ts';
import { integers, texts, unnested } from './arrays.ts';
import { violatedConstraint } from './sql-errors.ts';
import { rowCount, type Connection } from './statements.ts';

/** Stored numbers of the kinds; never renumber. */
const kinds = { claimed: 1, opened: 2, audience: 3, expired: 4 } as const;

/** Stored numbers of the channels; never renumber. */
export const channels: Readonly<Record<Channel, number>> = {
  im: 1,
  group: 2,
  feed: 3,
  microblog: 4,
  qr: 5,
};

const insert = `INSERT INTO event (batch, version, at, kind, packet, amount, receiver, rest)
  SELECT ${unnested(['bigint', 'int', 'bigint', 'smallint', 'int', 'bigint', 'text', 'json'])}`;

/**
 * Inserts events: all of them or, where a key is taken, none. The primary key is what makes settling happen once; it
 * stands in the table, so no statement can forget it (and costs half of what `ON CONFLICT DO NOTHING` does).
 *
 * @throws unique violation, told by `isEventTaken`
 */
export function insertEvents(
  connection: Connection,
  events: readonly BatchEvent[],
): Promise<number> {
  return rowCount(
    connection.query({
      name: 'insert-events',
      text: insert,
      values: [
        integers(events.map((event) => event.batchId)),
        integers(events.map((event) => event.version)),
        integers(events.map((event) => event.at)),
        integers(events.map((event) => kinds[event.kind])),
        integers(events.map((event) => ('packet' in event ? event.packet : undefined))),
        integers(events.map(amountOf)),
        texts(events.map((event) => ('receiverId' in event ? event.receiverId : undefined))),
        texts(events.map(restOf)),
      ],
    }),
  );
}

/** An event was inserted whose key stands there already. */
export function isEventTaken(error: unknown): boolean {
  return violatedConstraint(error) === 'event_pkey';
}

function amountOf(event: BatchEvent): number | undefined {
  if (event.kind === 'audience') return undefined;
  return event.kind === 'expired' ? event.refunded : event.amount;
}

/** The parts that few events have. */
function restOf(event: BatchEvent): string | undefined {
  if (event.kind === 'audience') {
    const { channel, anyone, receivers } = event;
    return JSON.stringify({ channel, anyone, receivers });
  }
  if (event.kind !== 'claimed' || event.tag === undefined) return undefined;
  const { tag, position } = event;
  return JSON.stringify({ key: tag.key, digest: tag.digest, position });
}

type EventRow = [
  batch: string,
  version: number,
  at: number,
  kind: number,
  packet: number | null,
  amount: number | null,
  receiver: string | null,
  rest: Record<string, unknown> | null,
];

/** The stored events of these keys, by `eventKey`. */
export async function selectEvents(
  connection: Connection,
  keys: readonly { readonly batchId: string; readonly version: number }[],
): Promise<Map<string, BatchEvent>> {
  if (keys.length === 0) return new Map();
  const { rows } = await connection.query<EventRow>({
    rowMode: 'array',
    text: `SELECT batch::text, version, at, kind, packet, amount, receiver, rest
      FROM unnest($1::bigint[], $2::int[]) AS k (batch, version) JOIN event USING (batch, version)`,
    values: [integers(keys.map((key) => key.batchId)), integers(keys.map((key) => key.version))],
  });
  return new Map(rows.map((row) => [eventKey({ batchId: row[0], version: row[1] }), eventOf(row)]));
}

export function eventKey(event: { readonly batchId: string; readonly version: number }): string {
  return `${event.batchId}/${event.version}`;
}

function eventOf([
  batchId,
  version,
  at,
  kind,
  packet,
  amount,
  receiver,
  rest,
]: EventRow): BatchEvent {
  const base = { batchId, version, at };
  switch (kind) {
    case kinds.claimed: {
      const { key, digest, position } = (rest ?? {}) as Record<string, string | undefined>;
      const tag: IdempotencyTag | undefined =
        key === undefined || digest === undefined ? undefined : { key, digest };
      const receiverId = receiver ?? '';
      return {
        kind: 'claimed',
        ...base,
        packet: packet ?? 0,
        receiverId,
        amount: amount ?? undefined,
        tag,
        position,
      };
    }
    case kinds.opened:
      return {
        kind: 'opened',
        ...base,
        packet: packet ?? 0,
        receiverId: receiver ?? '',
        amount: amount ?? 0,
      };
    case kinds.audience: {
      const stored = rest as unknown as { channel: Channel; anyone: boolean; receivers: string[] };
      return { kind: 'audience', ...base, ...stored };
    }
    default:
      assert(kind === kinds.expired, `an event of unknown kind ${kind} is stored`);
      return { kind: 'expired', ...base, refunded: amount ?? 0 };
  }
}
