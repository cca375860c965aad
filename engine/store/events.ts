/** Statements on `event`, where a taken key is what makes settling happen once. Guards invariants 4 and 6. */
import { assert } from '../core/assert.ts';
import { idArray } from '../core/id-list.ts';
import type { BatchEvent, Channel, IdempotencyTag } from '../core/types.ts';
import { integers } from './arrays.ts';
import { copied, copyRows } from './copy.ts';
import { violatedConstraint } from './sql-errors.ts';
import type { Connection } from './statements.ts';

/** Stored numbers of the kinds; never renumber. */
export const eventKinds = { claimed: 1, opened: 2, audience: 3, expired: 4 } as const;

/** Stored numbers of the channels; never renumber. */
export const channels: Readonly<Record<Channel, number>> = {
  im: 1,
  group: 2,
  feed: 3,
  microblog: 4,
  qr: 5,
};

/**
 * Inserts events: all of them or, where a key is taken, none. The primary key is what makes settling happen once; it
 * stands in the table, so no statement can forget it.
 *
 * @throws unique violation, told by `isEventTaken`
 */
export function insertEvents(
  connection: Connection,
  events: readonly BatchEvent[],
): Promise<number> {
  let rows = '';
  for (const event of events) rows += rowOf(event);
  return copyRows(
    connection,
    'event (batch, version, at, kind, packet, receiver, amount, rest)',
    rows,
  );
}

function rowOf(event: BatchEvent): string {
  const head = `${event.batchId}\t${event.version}\t${event.at}\t${eventKinds[event.kind]}`;
  switch (event.kind) {
    case 'claimed':
    case 'opened': {
      const amount = event.amount ?? '\\N';
      const rest = restOf(event);
      return `${head}\t${event.packet}\t${copied(event.receiverId)}\t${amount}\t${rest === undefined ? '\\N' : copied(rest)}\n`;
    }
    case 'expired':
      return `${head}\t\\N\t\\N\t${event.refunded}\t\\N\n`;
    case 'audience':
      return `${head}\t\\N\t\\N\t\\N\t${copied(restOf(event) ?? '')}\n`;
  }
}

/** An event was inserted whose key stands there already. */
export function isEventTaken(error: unknown): boolean {
  return violatedConstraint(error) === 'event_pkey';
}

/** The parts that few events have. */
function restOf(event: BatchEvent): string | undefined {
  if (event.kind === 'audience') {
    const { channel, anyone, receivers } = event;
    return JSON.stringify({ channel, anyone, receivers: idArray(receivers) });
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
    case eventKinds.claimed: {
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
    case eventKinds.opened:
      return {
        kind: 'opened',
        ...base,
        packet: packet ?? 0,
        receiverId: receiver ?? '',
        amount: amount ?? 0,
      };
    case eventKinds.audience: {
      const stored = rest as unknown as { channel: Channel; anyone: boolean; receivers: string[] };
      return { kind: 'audience', ...base, ...stored };
    }
    default:
      assert(kind === eventKinds.expired, `an event of unknown kind ${kind} is stored`);
      return { kind: 'expired', ...base, refunded: amount ?? 0 };
  }
}
