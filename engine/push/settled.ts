/**
 * What settled events mean to those who listen. Where nobody listens it costs one look at an empty table, sent along
 * with others; where some do, one more look sent along; only a hit costs a statement of its own. (E12, ¶144–147)
 */
import { integers, texts } from '../store/arrays.ts';
import type { Plan } from '../store/plan.ts';
import type { Connection } from '../store/statements.ts';
import { addSettled, type Hearers, type Runs } from './runs.ts';

/** Whether there is any listener. */
export async function isAnybodyListening(connection: Connection): Promise<boolean> {
  const { rows } = await connection.query<{ found: boolean }>({
    name: 'anybody-listening',
    text: 'SELECT EXISTS (SELECT FROM listener) AS found',
  });
  return rows[0]?.found === true;
}

/**
 * Who of those that a plan concerns listens. To be sent once the plan's packets are written: holders of what expires
 * are read from them.
 */
export async function hearersOf(
  connection: Connection,
  { events, standings }: Pick<Plan, 'events' | 'standings'>,
): Promise<Hearers> {
  const users = new Set<string>();
  const expired: string[] = [];
  for (const { senderId } of standings.values()) users.add(senderId);
  for (const event of events) {
    if (event.kind === 'expired') expired.push(event.batchId);
    else if (event.kind !== 'audience') users.add(event.receiverId);
  }
  const listening = new Set<string>();
  const holders = new Map<string, string[]>();
  const found = connection.query<{ user_id: string }>({
    name: 'listening',
    text: 'SELECT user_id FROM listener WHERE user_id = ANY ($1::text[])',
    values: [texts([...users])],
  });
  const held =
    expired.length === 0
      ? undefined
      : connection.query<{ batch: string; receiver: string }>({
          name: 'listening-holders',
          text: `SELECT DISTINCT packet.batch::text, receiver
            FROM unnest($1::bigint[]) AS expired (batch) JOIN packet USING (batch)
              JOIN listener ON listener.user_id = receiver
            WHERE amount IS NULL`,
          values: [integers(expired)],
        });
  const [one, other] = await Promise.all([found, held]);
  for (const { user_id } of one.rows) listening.add(user_id);
  for (const { batch, receiver } of other?.rows ?? []) {
    listening.add(receiver);
    const list = holders.get(batch);
    if (list === undefined) holders.set(batch, [receiver]);
    else list.push(receiver);
  }
  return { listening, holders };
}

/** Adds a plan's pushes to the runs of its transaction. */
export function addPlan(runs: Runs, { events, standings }: Plan, hearers: Hearers): void {
  if (hearers.listening.size > 0) addSettled(runs, events, standings, hearers);
}
