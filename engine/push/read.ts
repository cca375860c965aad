/**
 * Reading pushes: runs above a number, unfolded by the rows they refer to. Four statements at most, however many runs;
 * runs are short enough that reading from the middle of one costs little more. (E5, E12)
 */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import { messageOf, type MessageRow } from '../social/messages.ts';
import type { Push } from './port.ts';
import { type RunRow, selectBatches, selectEvents, selectMessages } from './referred.ts';
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
