/**
 * Reading pushes: runs above a number, unfolded by the rows they refer to. Four statements at most, however many users
 * and runs; runs are short enough that reading from the middle of one costs little more. (E5, E12)
 */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import { messageOf, type MessageRow } from '../social/messages.ts';
import { integers, texts } from '../store/arrays.ts';
import type { Push } from './port.ts';
import {
  referenceOf,
  type RunRow,
  selectBatches,
  selectEvents,
  selectMessages,
} from './referred.ts';
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

/** What `Pushes.read` is asked for. */
export interface ReadRequest {
  readonly userId: string;
  readonly after: number;
  readonly limit: number;
}

/** The pushes of each request, or why they cannot be told: damage of one user's does not hold up the others. */
export async function readPushes(
  pool: Pool,
  requests: readonly ReadRequest[],
): Promise<readonly (readonly Push[] | Error)[]> {
  const found = await selectRuns(pool, requests);
  const runsOf = requests.map(({ after, limit }, i) => enough(found[i] ?? [], after, limit));
  const runs = runsOf.flat();
  if (runs.length === 0) return requests.map(() => []);
  const batchRuns = runs.filter(({ kind }) => kind <= runKinds.receiver);
  const [batches, events, messages] = await Promise.all([
    selectBatches(pool, batchRuns),
    selectEvents(pool, batchRuns),
    selectMessages(
      pool,
      runs.filter(({ kind }) => kind === runKinds.message),
    ),
  ]);
  const rows = { batches, events, messages };
  return requests.map((request, i) => {
    try {
      return pushesOf(runsOf[i] ?? [], rows, request);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  });
}

function pushesOf(
  runs: readonly RunRow[],
  rows: Rows,
  { after, limit }: ReadRequest,
): readonly Push[] {
  const pushes: Push[] = [];
  for (const run of runs) {
    const told = unfold(run, rows);
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

/** The runs above each request's number, by the request's place. */
async function selectRuns(pool: Pool, requests: readonly ReadRequest[]): Promise<RunRow[][]> {
  const { rows } = await pool.query<RunRow & { readonly request: number }>({
    name: 'push-runs',
    text: `SELECT request, last_no, n, kind, subject, from_no, to_no, detail
      FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS asked (user_id, after, request)
        CROSS JOIN LATERAL (SELECT last_no, n, kind, subject::text, from_no, to_no, detail FROM push
          WHERE push.user_id = asked.user_id AND last_no > asked.after ORDER BY last_no LIMIT $3) AS run
      ORDER BY request, last_no`,
    values: [
      texts(requests.map(({ userId }) => userId)),
      integers(requests.map(({ after }) => after)),
      Math.max(...requests.map(({ limit }) => limit)),
    ],
  });
  const found: RunRow[][] = requests.map(() => []);
  for (const row of rows) found[row.request - 1]?.push(row);
  return found;
}

/** The runs that hold the first `limit` pushes. */
function enough(runs: readonly RunRow[], after: number, limit: number): readonly RunRow[] {
  const first = runs[0];
  if (first === undefined || limit < 1) return [];
  const from = Math.max(after, first.last_no - first.n);
  const last = runs.findIndex((run) => run.last_no >= from + limit);
  return last === -1 ? runs : runs.slice(0, last + 1);
}

interface Rows {
  readonly batches: ReadonlyMap<string, ToldBatch>;
  readonly events: ReadonlyMap<string, readonly ToldEvent[]>;
  readonly messages: ReadonlyMap<string, MessageRow>;
}

function unfold(run: RunRow, { batches, events, messages }: Rows): readonly Told[] {
  if (run.detail !== null) return [run.detail];
  if (run.kind === runKinds.message) {
    const row = messages.get(referenceOf(run));
    assert(row !== undefined, 'a pushed message is kept');
    return shownMessage(messageOf(row));
  }
  const batch = batches.get(run.subject ?? '');
  assert(batch !== undefined, 'a pushed batch is kept');
  if (run.kind === runKinds.generated) return shownGenerated(batch);
  const show = run.kind === runKinds.sender ? shownToSender : shownToReceiver;
  return (events.get(referenceOf(run)) ?? []).flatMap((event) => show(batch, event));
}
