/** The bank's side of deploy/bank-api.md, over the sandbox's books and faults. */
import { z } from 'zod';
import { decisionOf, twice } from '../../engine/bank/fake.ts';
import type { Fault, Faults } from '../../engine/bank/faults.ts';
import type { BankBooks, Standing } from '../../engine/bank/sandbox-books.ts';
import { amountMax, assetPattern, bankListPage } from '../../engine/limits.ts';
import type { Answer } from './answer.ts';

export interface Decided {
  readonly answer: Answer;
  readonly fault: Fault | undefined;
}

const orderSchema = z.strictObject({
  id: z.string().min(1).max(64),
  asset: z.string().regex(assetPattern),
  amount: z.int().min(1).max(amountMax),
  card: z.strictObject({
    holderName: z.string().min(1),
    cardNumber: z.string().regex(/^\d{12,19}$/),
    bank: z.string().min(1),
  }),
});

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const listSchema = z.object({
  from: time,
  until: time,
  limit: z.coerce.number().int().min(1).max(bankListPage).default(bankListPage),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
});

const badRequest: Answer = { status: 400, body: { code: 'bad_request' } };

export class BankRoutes {
  readonly #books: BankBooks;
  readonly #faults: Faults;

  constructor(books: BankBooks, faults: Faults) {
    this.#books = books;
    this.#faults = faults;
  }

  order(body: object | undefined, idempotencyKey: string | undefined): Decided {
    const order = orderSchema.safeParse(body);
    if (!order.success || order.data.id !== idempotencyKey)
      return { answer: badRequest, fault: undefined };
    const { id, asset, amount, card } = order.data;
    const fault = this.#faults.strike('payout', id);
    if (fault?.kind === 'error_before' || fault?.kind === 'silent_before')
      return { answer: badRequest, fault };
    const last4 = card.cardNumber.slice(-4);
    const standing = this.#books.order({ id, asset, amount, last4 }, decisionOf(fault));
    if (standing === 'conflict') {
      return { answer: { status: 409, body: { code: 'idempotency_key_reused', id } }, fault };
    }
    if (standing.status === 'failed') {
      return { answer: { status: 422, body: { code: standing.reason, id } }, fault };
    }
    return { answer: answerOf(standing, fault, 201), fault };
  }

  query(id: string): Decided {
    const fault = this.#faults.strike('query', id);
    const standing = this.#books.find(id);
    const notFound: Answer = { status: 404, body: { code: 'payout_not_found', id } };
    return { answer: standing === undefined ? notFound : answerOf(standing, fault, 200), fault };
  }

  list(query: URLSearchParams): Decided {
    const parsed = listSchema.safeParse(Object.fromEntries(query));
    if (!parsed.success) return { answer: badRequest, fault: undefined };
    const fault = this.#faults.strike('list', undefined);
    if (fault?.kind === 'stale') return { answer: { status: 200, body: { items: [] } }, fault };
    const { from, until, cursor, limit } = parsed.data;
    const page = this.#books.page(from, until, cursor, limit);
    const items = page.items.map(({ id, asset, amount, state, at }) => {
      return { id, asset, amount, status: state, at: new Date(at).toISOString() };
    });
    const next = page.next === undefined ? {} : { next: page.next };
    // Of a list, "twice" is about its items.
    if (fault?.kind === 'twice')
      return { answer: { status: 200, body: { items: twice(items), ...next } }, fault: undefined };
    return { answer: { status: 200, body: { items, ...next } }, fault };
  }
}

function answerOf(standing: Standing, fault: Fault | undefined, status: number): Answer {
  const { id, asset, amount, at, decidedAt } = standing.record;
  const common = { id, asset, amount, at: new Date(at).toISOString() };
  const isStale = fault?.kind === 'stale';
  if (standing.status === 'pending' || isStale) {
    return { status: status === 201 ? 202 : status, body: { ...common, status: 'pending' } };
  }
  if (standing.status === 'failed') {
    return { status, body: { ...common, status: 'failed', reason: standing.reason } };
  }
  const paidAt = new Date(decidedAt).toISOString();
  return { status, body: { ...common, status: 'paid', reference: standing.reference, paidAt } };
}
