/** The bank's file against ours: what must be true after any crash. (invariants 1, 4 and 7 for withdrawals) */
import type { BankRecord } from '../../../engine/bank/sandbox-books.ts';
import type { WithdrawalStatus } from '../../../engine/payment/state.ts';
import type { Findings } from '../findings.ts';
import type { OurAccount, OurWithdrawal, PayoutBooks } from './books.ts';
import type { Told } from './users.ts';

export function checkPayouts(books: PayoutBooks, findings: Findings): void {
  const { ours, told, accounts, lines, paidOut, unsound } = books;
  const orders = lines.flatMap((line) => (line.line === 'order' ? [line.order] : []));
  const byId = Map.groupBy(orders, ({ id }) => id);
  for (const withdrawal of ours) checkOne(withdrawal, byId.get(withdrawal.id) ?? [], findings);
  const known = new Map(ours.map((withdrawal) => [withdrawal.id, withdrawal]));
  for (const id of byId.keys())
    if (!known.has(id)) findings.add('contradicted', `the bank has ${id}, which nobody ordered`);
  for (const line of lines) {
    if (line.line === 'repeat' && line.amount !== known.get(line.id)?.amount)
      findings.add('contradicted', `${line.id} was ordered again with another amount`);
  }
  for (const one of told) checkTold(one, known.get(one.id), findings);
  const byUser = Map.groupBy(ours, ({ userId }) => userId);
  for (const account of accounts) checkAccount(account, byUser.get(account.userId) ?? [], findings);
  const paid = new Map<string, number>();
  for (const { asset, amount, refusal } of orders)
    if (refusal === undefined) paid.set(asset, (paid.get(asset) ?? 0) + amount);
  for (const asset of new Set([...paid.keys(), ...paidOut.keys()])) {
    const [there, here] = [paid.get(asset) ?? 0, paidOut.get(asset) ?? 0];
    if (there !== here)
      findings.add('contradicted', `${asset}: the bank paid ${there}, our ledger says ${here}`);
  }
  if (unsound !== 0) findings.add('contradicted', `the audit differs by ${unsound}`);
}

function checkOne(
  { id, asset, amount, status }: OurWithdrawal,
  orders: readonly BankRecord[],
  findings: Findings,
): void {
  const payments = orders.filter(({ refusal }) => refusal === undefined);
  if (payments.length > 1) findings.add('doubled', `${id} was paid ${payments.length} times`);
  for (const order of orders)
    if (order.amount !== amount || order.asset !== asset)
      findings.add('contradicted', `${id} was ordered as ${order.amount} ${order.asset}`);
  switch (status) {
    case 'paid':
      if (payments.length === 0) findings.add('contradicted', `${id} is paid here, not there`);
      return;
    case 'failed':
      if (payments.length > 0) findings.add('doubled', `${id} was given back here and paid there`);
      return;
    case 'rejected':
      if (orders.length > 0) findings.add('contradicted', `${id} was ordered without its code`);
      return;
    case 'awaiting_verification':
    case 'processing':
      findings.add('unexpected', `${id} never ended: ${status}`);
  }
}

/** What may be told after what: an end is told for ever. */
const next: Readonly<Record<WithdrawalStatus, readonly WithdrawalStatus[]>> = {
  awaiting_verification: ['processing', 'rejected'],
  processing: ['paid', 'failed'],
  paid: [],
  failed: [],
  rejected: [],
};

function checkTold({ id, statuses }: Told, ours: OurWithdrawal | undefined, findings: Findings) {
  for (const [i, status] of statuses.entries()) {
    const before = statuses[i - 1];
    if (before !== undefined && !next[before].includes(status))
      findings.add('contradicted', `${id} was told as ${before}, then as ${status}`);
  }
  const last = statuses.at(-1);
  if (ours === undefined) findings.add('lost', `${id} was told as ${last} and is not there`);
  else if (last !== ours.status)
    findings.add('contradicted', `${id} was last told as ${last} and is ${ours.status}`);
}

/** Given back once: what was deposited is there, but for what was paid. */
function checkAccount(
  { userId, deposited, left }: OurAccount,
  withdrawals: readonly OurWithdrawal[],
  findings: Findings,
): void {
  const paid = withdrawals.filter(({ status }) => status === 'paid');
  const expected = paid.reduce((rest, { amount }) => rest - amount, deposited);
  if (left > expected) findings.add('doubled', `${userId} has ${left}, not ${expected}`);
  if (left < expected) findings.add('lost', `${userId} has ${left}, not ${expected}`);
}
