/**
 * Writing pushes, in the very transaction that makes their events true. Numbers come from the listeners' rows, which
 * stay locked until the transaction ends: so numbers become visible in their order, without a gap, and rows are locked
 * last and in the order of user ids, so that no two writers wait for each other in a circle.
 *
 * Guards invariants 3 and 4 for pushes: they exist exactly once per event, and only once it is settled.
 */
import { integers, texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import type { PushType } from './port.ts';
import { addRun, pushesIn, type Run, runKinds, type Runs } from './runs.ts';
import type { Told } from './shown.ts';

/** Word that users have new pushes: a JSON list of ids; empty: anybody may. */
export const pushChannel = 'hongbao_push';

/** A push as its writer knows it. */
export type NewPush =
  | { readonly kind: 'generated'; readonly batchId: string; readonly senderId: string }
  /** To all members who may see the message. */
  | { readonly kind: 'message'; readonly conversationId: string; readonly no: number }
  /** To these users, with all that a client is to see: JSON, times in RFC 3339. */
  | {
      readonly kind: 'told';
      readonly users: readonly string[];
      readonly type: PushType;
      readonly data: Readonly<Record<string, unknown>>;
    };

/**
 * Writes pushes, numbered in the order given. Must be the last that the transaction locks, and called once in it; in
 * a `Tx` of books or base server, `pushAtEnd` sees to that.
 */
export async function writePushes(
  connection: Connection,
  pushes: readonly NewPush[],
  at: number,
): Promise<void> {
  if (pushes.length === 0) return;
  const members = await listeningMembers(connection, pushes);
  const runs: Runs = new Map();
  for (const [i, push] of pushes.entries()) {
    const run = runOf(push);
    const users =
      push.kind === 'message'
        ? (members.get(i) ?? [])
        : push.kind === 'told'
          ? new Set(push.users)
          : [push.senderId];
    for (const userId of users) addRun(runs, userId, run);
  }
  await writeRuns(connection, runs, at);
}

function runOf(push: NewPush): Run {
  switch (push.kind) {
    case 'generated':
      return { kind: runKinds.generated, n: 1, subject: push.batchId, from: null, to: null };
    case 'message': {
      const { conversationId: subject, no } = push;
      return { kind: runKinds.message, n: 1, subject, from: no, to: no };
    }
    case 'told': {
      const detail: Told = { type: push.type, data: push.data };
      return { kind: runKinds.told, n: 1, subject: null, from: null, to: null, detail };
    }
  }
}

/** Of each message (by its place in the list) the members who may see it and listen. */
async function listeningMembers(
  connection: Connection,
  pushes: readonly NewPush[],
): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  const messages = pushes.flatMap((push, i) => (push.kind === 'message' ? [{ ...push, i }] : []));
  if (messages.length === 0) return found;
  const { rows } = await connection.query<{ i: number; user_id: string }>({
    name: 'listening-members',
    text: `SELECT m.i, listener.user_id
      FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS m (i, conversation, no)
        JOIN member ON member.conversation = m.conversation AND member.joined_no < m.no
        JOIN listener ON listener.user_id = member.user_id`,
    values: [
      integers(messages.map(({ i }) => i)),
      integers(messages.map(({ conversationId }) => conversationId)),
      integers(messages.map(({ no }) => no)),
    ],
  });
  for (const { i, user_id } of rows) {
    const users = found.get(i);
    if (users === undefined) found.set(i, [user_id]);
    else users.push(user_id);
  }
  return found;
}

/** Ids in one word, which must stay below 8,000 bytes; with more users altogether, the word goes to everybody. */
const wordUsersMax = 100;
const wordBytesMax = 7_900;
const namedUsersMax = 1_000;

/**
 * One statement: lock in order, take numbers, store, send word. Runs travel as JSON beside their user, because a join
 * of stored numbers and runs would have neither statistics nor an index. Who does not listen (any more) is passed over.
 */
const writeText = `WITH held AS (
    SELECT listener.user_id, u.n, u.runs
    FROM unnest($1::text[], $2::int[], $3::json[]) AS u (user_id, n, runs)
      JOIN listener ON listener.user_id = u.user_id
    ORDER BY listener.user_id FOR NO KEY UPDATE OF listener
  ), taken AS (
    UPDATE listener SET last_no = listener.last_no + held.n FROM held WHERE listener.user_id = held.user_id
    RETURNING listener.user_id, listener.last_no, held.runs
  ), stored AS (
    INSERT INTO push (user_id, last_no, at, n, kind, subject, from_no, to_no, detail)
    SELECT user_id, last_no - behind, $4, r.n, kind, subject, "from", "to", ($5::json[])[detail]
    FROM taken, json_to_recordset(runs)
      AS r (behind int, n int, kind smallint, subject bigint, "from" bigint, "to" bigint, detail int)
  ), word AS (
    SELECT user_id, count(*) OVER () AS users, (row_number() OVER () - 1) / ${wordUsersMax} AS part FROM taken
  ), text AS (
    SELECT json_agg(user_id)::text AS ids, max(users) AS users FROM word GROUP BY part
  )
  SELECT pg_notify('${pushChannel}',
    CASE WHEN users > ${namedUsersMax} OR octet_length(ids) > ${wordBytesMax} THEN '' ELSE ids END) FROM text`;

/** Writes runs under the next numbers of those who listen. @see writePushes */
export async function writeRuns(connection: Connection, runs: Runs, at: number): Promise<void> {
  if (runs.size === 0) return;
  const lists = [...runs.values()];
  // Beside the runs, each once: the server takes runs apart, and a detail may hold what it cannot unescape.
  const details = new Map<Told, number>();
  for (const { detail } of lists.flat()) {
    if (detail !== undefined && !details.has(detail)) details.set(detail, details.size + 1);
  }
  await connection.query({
    name: 'write-pushes',
    text: writeText,
    values: [
      texts([...runs.keys()]),
      integers(lists.map(pushesIn)),
      texts(lists.map((list) => textOf(list, details))),
      at,
      texts([...details.keys()].map((detail) => JSON.stringify(detail))),
    ],
  });
}

function textOf(list: readonly Run[], details: ReadonlyMap<Told, number>): string {
  let behind = pushesIn(list);
  const rows = list.map(({ detail, ...run }) => {
    behind -= run.n;
    return { behind, ...run, detail: detail && details.get(detail) };
  });
  return JSON.stringify(rows);
}
