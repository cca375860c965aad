/** Balances against what people were told, and the operator's audit (invariant 1 across the system). */
import { assets } from './plan.ts';
import type { AuditRow, Books, Funding, Told } from './told.ts';

type ByAsset = Map<string, number>;

function add(sums: ByAsset, asset: string, amount: number): void {
  sums.set(asset, (sums.get(asset) ?? 0) + amount);
}

/** Receivers hold what they were told, senders what they did not give away. */
export function checkBalances(told: readonly Told[], funding: Funding, books: Books): string[] {
  const expected = new Map<string, ByAsset>();
  const of = (user: string) => {
    const sums = expected.get(user) ?? new Map<string, number>();
    expected.set(user, sums);
    return sums;
  };
  for (const [sender, amounts] of funding.deposits) {
    for (const [asset, amount] of amounts) add(of(sender), asset, amount);
  }
  for (const { id, senderId, planned } of funding.batches) {
    const refunded = books.batches.get(id)?.refundedAmount ?? 0;
    add(of(senderId), planned.asset, refunded - planned.total);
  }
  const counted = new Set<string>();
  for (const { receiver, packetId, amount, asset } of told) {
    if (packetId === undefined || amount === undefined || counted.has(packetId)) continue;
    counted.add(packetId);
    add(of(receiver), asset ?? 'an unnamed asset', amount);
  }
  const problems: string[] = [];
  for (const user of new Set([...expected.keys(), ...books.balances.keys()])) {
    const wanted = expected.get(user) ?? new Map<string, number>();
    const found = books.balances.get(user) ?? new Map<string, number>();
    for (const asset of new Set([...wanted.keys(), ...found.keys()])) {
      const should = wanted.get(asset) ?? 0;
      const is = found.get(asset) ?? 0;
      if (is !== should) problems.push(`${user} has ${is} ${asset}, expected ${should}`);
    }
  }
  return problems;
}

/** The operator's audit; on a server of our own its totals are the campaign's. */
export function checkAudit(funding: Funding, books: Books, alone: boolean): string[] {
  const { assets: rows, ok, pendingEvents } = books.audit;
  const problems: string[] = [];
  if (!ok) problems.push('audit: not ok');
  for (const { asset, difference } of rows) {
    if (difference !== 0) problems.push(`audit: difference of ${asset} is ${difference}`);
  }
  if (!alone) return problems;
  if (pendingEvents !== 0) problems.push(`audit: ${pendingEvents} events are still pending`);
  for (const asset of assets) {
    const row = rows.find((one) => one.asset === asset);
    const wanted = auditWanted(asset, funding, books);
    if (row === undefined) {
      if (wanted.issued > 0) problems.push(`audit: ${asset} is missing`);
      continue;
    }
    for (const column of ['issued', 'users', 'escrow', 'inFlight', 'paidOut'] as const) {
      if (row[column] !== wanted[column]) {
        problems.push(`audit: ${column} of ${asset} is ${row[column]}, expected ${wanted[column]}`);
      }
    }
  }
  return problems;
}

function auditWanted(asset: string, funding: Funding, books: Books): AuditRow {
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  const escrow = funding.batches
    .filter(({ planned }) => planned.asset === asset)
    .map(({ id, planned }) => {
      const book = books.batches.get(id);
      return planned.total - (book?.openedAmount ?? 0) - (book?.refundedAmount ?? 0);
    });
  const deposits = [...funding.deposits.values()].flatMap((own) =>
    [...own].filter(([of]) => of === asset).map(([, amount]) => amount),
  );
  return {
    asset,
    issued: sum(deposits),
    users: sum([...books.balances.values()].map((own) => own.get(asset) ?? 0)),
    escrow: sum(escrow),
    inFlight: 0,
    paidOut: 0,
    difference: 0,
  };
}
