/** The rows that runs refer to, each kind by one statement for all runs. (E5, E12) */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import type { MessageRow } from '../social/messages.ts';
import { tradeColumn } from '../social/links.ts';
import { integers } from '../store/arrays.ts';
import { eventKinds } from '../store/events.ts';
import { runKinds } from './runs.ts';
import type { Told, ToldBatch, ToldEvent } from './shown.ts';

export interface RunRow {
  readonly last_no: number;
  readonly n: number;
  readonly kind: number;
  /** As text: a batch id may be larger than a safe integer. */
  readonly subject: string | null;
  readonly from_no: number | null;
  readonly to_no: number | null;
  readonly detail: Told | null;
}

/** Runs of many users refer to the same rows: a message to a group is selected once. */
export function referenceOf({ subject, from_no, to_no }: RunRow): string {
  return `${subject} ${from_no} ${to_no}`;
}

function distinct(runs: readonly RunRow[]): readonly RunRow[] {
  return [...new Map(runs.map((run) => [referenceOf(run), run])).values()];
}

interface BatchRow extends Omit<ToldBatch, 'each' | 'senderId' | 'createdAt' | 'expiresAt'> {
  readonly each: number | null;
  readonly sender: string;
  readonly created_at: number;
  readonly expires_at: number;
}

/** The batches of these runs, by id. */
export async function selectBatches(
  pool: Pool,
  runs: readonly RunRow[],
): Promise<ReadonlyMap<string, ToldBatch>> {
  if (runs.length === 0) return new Map();
  const { rows } = await pool.query<BatchRow>({
    name: 'pushed-batches',
    text: `SELECT id::text, mode, count, total, each, asset, greeting, sender, created_at, expires_at
      FROM batch WHERE id = ANY ($1::bigint[])`,
    values: [integers([...new Set(runs.map(subjectOf))])],
  });
  return new Map(
    rows.map(({ each, sender, created_at, expires_at, ...same }) => [
      same.id,
      {
        ...same,
        each: each ?? undefined,
        senderId: sender,
        createdAt: created_at,
        expiresAt: expires_at,
      },
    ]),
  );
}

interface EventRow {
  readonly run: number;
  readonly at: number;
  readonly kind: ToldEvent['kind'];
  readonly packet: number | null;
  readonly receiver: string | null;
  readonly amount: number | null;
}

/** The events of each run, by its reference. */
export async function selectEvents(
  pool: Pool,
  all: readonly RunRow[],
): Promise<ReadonlyMap<string, readonly ToldEvent[]>> {
  const found = new Map<string, ToldEvent[]>();
  const runs = distinct(all.filter(({ kind }) => kind !== runKinds.generated));
  if (runs.length === 0) return found;
  const { rows } = await pool.query<EventRow>({
    name: 'pushed-events',
    text: `SELECT r.run, at, packet, receiver, amount,
        CASE kind WHEN ${eventKinds.claimed} THEN 'claimed' WHEN ${eventKinds.opened} THEN 'opened' ELSE 'expired' END AS kind
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS r (run, batch, from_no, to_no)
        JOIN event ON event.batch = r.batch AND version BETWEEN r.from_no AND r.to_no
          AND kind <> ${eventKinds.audience}
      ORDER BY r.run, version`,
    values: keysOf(runs),
  });
  const references = runs.map(referenceOf);
  for (const { run, at, kind, packet, receiver, amount } of rows) {
    const event: ToldEvent = {
      kind,
      at,
      packet: packet ?? 0,
      receiverId: receiver ?? '',
      amount: amount ?? undefined,
    };
    const reference = references[run] ?? '';
    const list = found.get(reference);
    if (list === undefined) found.set(reference, [event]);
    else list.push(event);
  }
  return found;
}

/** The messages of these runs, by reference. */
export async function selectMessages(
  pool: Pool,
  all: readonly RunRow[],
): Promise<ReadonlyMap<string, MessageRow>> {
  const runs = distinct(all);
  if (runs.length === 0) return new Map();
  const { rows } = await pool.query<MessageRow & { readonly run: number }>({
    name: 'pushed-messages',
    text: `SELECT r.run, message.conversation, no, at, reply_no, kind, message.subject::text, link, sender, text,
        ${tradeColumn}
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (run, conversation, no)
        JOIN message USING (conversation, no)`,
    values: keysOf(runs).slice(0, 3),
  });
  const references = runs.map(referenceOf);
  return new Map(rows.map((row) => [references[row.run] ?? '', row]));
}

function keysOf(runs: readonly RunRow[]): string[] {
  return [
    integers(runs.map((_run, i) => i)),
    integers(runs.map(subjectOf)),
    integers(runs.map((run) => run.from_no ?? undefined)),
    integers(runs.map((run) => run.to_no ?? undefined)),
  ];
}

function subjectOf({ subject }: RunRow): string {
  assert(subject !== null, 'what is told by other rows names them');
  return subject;
}
