/** Users of the drill, on the product's own books: they deposit, ask for money, answer with a code, and look again. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Books, Tx } from '../../../engine/books/types.ts';
import { codeAttemptsMax } from '../../../engine/limits.ts';
import type { Payments } from '../../../engine/payment/port.ts';
import type { WithdrawalStatus } from '../../../engine/payment/state.ts';
import { Vault } from '../../../engine/payment/vault.ts';
import { cardKeys } from './settings.ts';

const card = { holderName: '本 Ben', cardNumber: '4111111111111111', bank: 'ICBC' };
const asset = 'CNY';
const lookMs = 150;

export interface Wish {
  readonly userId: string;
  readonly amount: number;
  /** The right code, or five wrong ones. */
  readonly isVerified: boolean;
}

/** What one user was told of a withdrawal, in order. */
export interface Told {
  readonly id: string;
  readonly statuses: WithdrawalStatus[];
}

/** A user's whole way up to the code; from there the workers go on. */
export async function askForMoney(
  books: Books,
  payments: Payments,
  { userId, amount, isVerified }: Wish,
): Promise<Told> {
  await payments.register(userId, card);
  await books.once(userId, 'deposit', undefined, async (tx: Tx) => {
    await books.deposit(tx, { userId, asset, amount, reference: randomUUID() });
    return { status: 201, body: null, keep: true };
  });
  let id = '';
  await payments.once(userId, 'withdrawal', undefined, async (tx: Tx) => {
    const result = await payments.request(tx, { userId, asset, amount });
    if (result.code !== 'requested') throw new Error(`request: ${result.code}`);
    id = result.withdrawal.id;
    return { status: 201, body: { id }, keep: true };
  });
  // What the message to the phone would say.
  const code = Number(new Vault(cardKeys).code(cardKeys[0].id, id));
  const answer = (by: number) =>
    payments.verify(userId, id, String((code + by) % 1_000_000).padStart(6, '0'));
  if (!isVerified) {
    for (let by = 1; by <= codeAttemptsMax; by += 1) await answer(by);
    return { id, statuses: ['awaiting_verification', 'rejected'] };
  }
  const { code: outcome } = await answer(0);
  if (outcome !== 'verified') throw new Error(`verification: ${outcome}`);
  return { id, statuses: ['awaiting_verification', 'processing'] };
}

/** Looks again and again, and notes each change; told to stop, it looks once more. */
export async function keepLooking(
  payments: Payments,
  userId: string,
  { id, statuses }: Told,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    const isLast = isOver();
    const status = (await payments.withdrawal(userId, id))?.status;
    if (status !== undefined && status !== statuses.at(-1)) statuses.push(status);
    if (isLast) return;
    await sleep(lookMs);
  }
}
