/**
 * Reading pushes: runs above a number, unfolded by the rows they refer to. Three statements at most, however many runs;
 * a long run is read from the number asked for, not from its beginning. (E5, E12)
 */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import { messageOf, type MessageRow } from '../social/messages.ts';
import { integers } from '../store/arrays.ts';
import { eventKinds } from '../store/events.ts';
import type { Push } from './port.ts';
import { runKinds } from './runs.ts';
import {
  shownGenerated,
  shownMessage,
  shownToReceiver,
  shownToSender,
  type Told,
  type ToldBatch,
  type ToldEvent,
} from './shown.ts';

interface RunRow {
  readonly last_no: number;
  readonly n: number;
  readonly kind: number;
  /** As text: a batch id may be larger than a safe integer. */
  readonly subject: string | null;
  readonly from_no: number | null;
  readonly to_no: number | null;
  readonly detail: Told | null;
}

/** See `Pushes.read`. */
export async function readPushes(
  pool: Pool,
  userId: string,
  after: number,
  limit: number,
): Promise<readonly Push[]> {
  if (limit < 1) return [];
  const runs = enough(await selectRuns(pool, userId, after, limit), after, limit);
  if (runs.length === 0) return [];
  const batchRuns = runs.filter(({ kind }) => kind <= runKinds.receiver);
  const [batches, events, messages] = await Promise.all([
    selectBatches(pool, batchRuns),
    selectEvents(pool, batchRuns),
    selectMessages(
      pool,
      runs.filter(({ kind }) => kind === runKinds.message),
    ),
  ]);
  const pushes: Push[] = [];
  for (const run of runs) {
    const told = unfold(run, { batches, events, messages });
    assert(told.length === run.n, 'a run holds as many pushes as it was stored with');
    const first = run.last_no - run.n + 1;
    for (const [i, push] of told.entries()) {
      if (first + i <= after) continue;
      pushes.push({ no: first + i, ...push });
      if (pushes.length === limit) return pushes;
    }
  }
  return pushes;
}

async function selectRuns(
  pool: Pool,
  userId: string,
  after: number,
  limit: number,
): Promise<RunRow[]> {
  const { rows } = await pool.query<RunRow>({
    name: 'push-runs',
    text: `SELECT last_no, n, kind, subject::text, from_no, to_no, detail FROM push
      WHERE user_id = $1 AND last_no > $2 ORDER BY last_no LIMIT $3`,
    values: [userId, after, limit],
  });
  return rows;
}

/** The runs that hold the first `limit` pushes. */
function enough(runs: readonly RunRow[], after: number, limit: number): readonly RunRow[] {
  const first = runs[0];
  if (first === undefined) return runs;
  const from = Math.max(after, first.last_no - first.n);
  const last = runs.findIndex((run) => run.last_no >= from + limit);
  return last === -1 ? runs : runs.slice(0, last + 1);
}

interface Rows {
  readonly batches: ReadonlyMap<string, ToldBatch>;
  readonly events: ReadonlyMap<number, readonly ToldEvent[]>;
  readonly messages: ReadonlyMap<number, MessageRow>;
}

function unfold(run: RunRow, { batches, events, messages }: Rows): readonly Told[] {
  if (run.detail !== null) return [run.detail];
  if (run.kind === runKinds.message) {
    const row = messages.get(run.last_no);
    assert(row !== undefined, 'a pushed message is kept');
    return shownMessage(messageOf(row));
  }
  const batch = batches.get(run.subject ?? '');
  assert(batch !== undefined, 'a pushed batch is kept');
  if (run.kind === runKinds.generated) return shownGenerated(batch);
  const show = run.kind === runKinds.sender ? shownToSender : shownToReceiver;
  return (events.get(run.last_no) ?? []).flatMap((event) => show(batch, event));
}

interface BatchRow extends Omit<ToldBatch, 'each' | 'senderId' | 'createdAt' | 'expiresAt'> {
  readonly each: number | null;
  readonly sender: string;
  readonly created_at: number;
  readonly expires_at: number;
}

async function selectBatches(
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

/** The events of each run, by the run's last number. */
async function selectEvents(
  pool: Pool,
  all: readonly RunRow[],
): Promise<ReadonlyMap<number, readonly ToldEvent[]>> {
  const found = new Map<number, ToldEvent[]>();
  const runs = all.filter(({ kind }) => kind !== runKinds.generated);
  if (runs.length === 0) return found;
  const { rows } = await pool.query<EventRow>({
    name: 'pushed-events',
    text: `SELECT r.last_no AS run, at, packet, receiver, amount,
        CASE kind WHEN ${eventKinds.claimed} THEN 'claimed' WHEN ${eventKinds.opened} THEN 'opened' ELSE 'expired' END AS kind
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS r (last_no, batch, from_no, to_no)
        JOIN event ON event.batch = r.batch AND version BETWEEN r.from_no AND r.to_no
          AND kind <> ${eventKinds.audience}
      ORDER BY r.last_no, version`,
    values: keysOf(runs),
  });
  for (const { run, at, kind, packet, receiver, amount } of rows) {
    const event: ToldEvent = {
      kind,
      at,
      packet: packet ?? 0,
      receiverId: receiver ?? '',
      amount: amount ?? undefined,
    };
    const list = found.get(run);
    if (list === undefined) found.set(run, [event]);
    else list.push(event);
  }
  return found;
}

async function selectMessages(
  pool: Pool,
  runs: readonly RunRow[],
): Promise<ReadonlyMap<number, MessageRow>> {
  if (runs.length === 0) return new Map();
  const { rows } = await pool.query<MessageRow & { readonly run: number }>({
    name: 'pushed-messages',
    text: `SELECT r.last_no AS run, message.conversation, no, at, reply_no, kind, message.subject::text, link, sender, text
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (last_no, conversation, no)
        JOIN message USING (conversation, no)`,
    values: keysOf(runs).slice(0, 3),
  });
  return new Map(rows.map((row) => [row.run, row]));
}

function keysOf(runs: readonly RunRow[]): string[] {
  return [
    integers(runs.map((run) => run.last_no)),
    integers(runs.map(subjectOf)),
    integers(runs.map((run) => run.from_no ?? undefined)),
    integers(runs.map((run) => run.to_no ?? undefined)),
  ];
}

function subjectOf({ subject }: RunRow): string {
  assert(subject !== null, 'what is told by other rows names them');
  return subject;
}
