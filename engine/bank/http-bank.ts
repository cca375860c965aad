/** Bank over HTTP, as deploy/bank-api.md documents it. (E17 ¶213) */
import { bankAnswerBytesMax, bankListPage, bankTimeoutMs } from '../limits.ts';
import {
  type Bank,
  BankUnavailable,
  type ListedPayout,
  type PayoutOrder,
  type PayoutState,
} from '../ports/bank.ts';
import { type Asked, guard } from './guard.ts';
import {
  type JsonTarget,
  notUnderstood,
  parsed,
  type Reply,
  sendJson,
  type Unclear,
} from './json-client.ts';
import type { OutsideMeter } from './meter.ts';
import {
  listAnswer,
  listedOf,
  notFoundAnswer,
  type PayoutAnswer,
  payoutAnswer,
  refusalAnswer,
  stateOf,
} from './wire.ts';

export interface OutsideServer {
  readonly url: string;
  readonly token: string | undefined;
}

type Queried = PayoutState | { readonly code: 'not_found' };

export function httpBank(
  server: OutsideServer,
  meter: OutsideMeter,
  timeoutMs: number = bankTimeoutMs,
): Bank {
  const target: JsonTarget = { ...server, timeoutMs, answerBytesMax: bankAnswerBytesMax };
  const guarded = guard('bank', meter);
  // Of its own: a list that does not work is no reason not to pay.
  const guardedList = guard('bank_list', meter);

  return {
    async payout(order) {
      const { id, asset, amount, card } = order;
      const { holderName, cardNumber, bank } = card;
      const body = { id, asset, amount, card: { holderName, cardNumber, bank } };
      // Not repeated here: with the outcome unclear, what was sent is asked about, from what is on disk.
      const asked = await guarded.ask('payout', false, async () =>
        understood(
          await sendJson(target, { method: 'POST', path: '/payouts', idempotencyKey: id, body }),
          (reply) => ordered(order, reply),
        ),
      );
      return asked.kind === 'answer' ? asked.value : unknown(asked);
    },

    async query(id, terms) {
      const path = `/payouts/${encodeURIComponent(id)}`;
      const asked = await guarded.ask<Queried>('query', true, async () =>
        understood(await sendJson(target, { method: 'GET', path }), (reply) =>
          queried({ id, ...terms }, reply),
        ),
      );
      return asked.kind === 'answer' ? asked.value : unknown(asked);
    },

    async *list(from, until): AsyncGenerator<ListedPayout> {
      const seen = new Set<string>();
      let cursor: string | undefined;
      do {
        const query = new URLSearchParams({
          from: new Date(from).toISOString(),
          until: new Date(until).toISOString(),
          limit: String(bankListPage),
          ...(cursor === undefined ? {} : { cursor }),
        });
        const asked = await guardedList.ask('list', true, async () =>
          understood(
            await sendJson(target, { method: 'GET', path: `/payouts?${query.toString()}` }),
            (reply) => (reply.status === 200 ? parsed(listAnswer, reply) : undefined),
          ),
        );
        if (asked.kind === 'unclear') throw new BankUnavailable(`the bank's list: ${asked.reason}`);
        for (const item of asked.value.items) yield listedOf(item);
        cursor = asked.value.next;
        if (cursor === undefined) return;
        // A bank that sends us in circles would keep us for ever.
        if (seen.has(cursor)) throw new BankUnavailable("the bank's list: it begins again");
        seen.add(cursor);
      } while (true);
    },
  };
}

function ordered(order: PayoutOrder, reply: Reply): PayoutState | undefined {
  if (reply.status === 422) {
    const refusal = parsed(refusalAnswer, reply);
    return refusal?.id === order.id ? { code: 'failed', reason: refusal.code } : undefined;
  }
  if (![200, 201, 202].includes(reply.status)) return undefined;
  const answer = parsed(payoutAnswer, reply);
  if (answer === undefined) return undefined;
  return isOf(order, answer) ? stateOf(answer) : undefined;
}

function queried(order: Asker, reply: Reply): Queried | undefined {
  if (reply.status === 404) {
    return parsed(notFoundAnswer, reply)?.id === order.id ? { code: 'not_found' } : undefined;
  }
  if (reply.status !== 200) return undefined;
  const answer = parsed(payoutAnswer, reply);
  return answer !== undefined && isOf(order, answer) ? stateOf(answer) : undefined;
}

/** What is known of the order that the bank is asked about. */
type Asker = Pick<PayoutOrder, 'id'> & Partial<Pick<PayoutOrder, 'asset' | 'amount'>>;

/** An answer of another order, or of this id with other terms: a person has to look, and we keep asking. */
function isOf({ id, asset, amount }: Asker, answer: PayoutAnswer): boolean {
  return (
    answer.id === id &&
    (asset === undefined || answer.asset === asset) &&
    (amount === undefined || answer.amount === amount)
  );
}

/** A reply that `read` cannot make sense of is none. */
function understood<Value>(
  reply: Reply | Unclear,
  read: (reply: Reply) => Value | undefined,
): Asked<Value> {
  if (reply.kind === 'unclear') return reply;
  const value = read(reply);
  if (value !== undefined) return { kind: 'answer', value };
  return notUnderstood(reply);
}

function unknown({ reason }: Unclear): PayoutState {
  return { code: 'unknown', reason };
}
