/** The ledger itself: what senders were told is in it, every unit moved once, every side adds up (invariants 1, 4, 5). */
import type { Heard } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { Ledger } from './ledger.ts';

const openKind = 3;
/** A sweep runs every second; a batch this long overdue was forgotten. */
const overdueMs = 15_000;

export function checkBooks(heard: readonly Heard[], ledger: Ledger, findings: Findings): void {
  for (const one of heard) if (one.status < 300) checkSenders(one, ledger, findings);
  checkPayments(ledger, findings);
  checkBatches(ledger, findings);
  checkSums(ledger, findings);
}

function checkSenders({ ask, op, body }: Heard, ledger: Ledger, findings: Findings): void {
  const { batch = String(body['id']) } = ask;
  const row = ledger.batches.get(batch);
  if (ask.action === 'deposit') {
    const { reference, amount, userId } = ask.body ?? {};
    const deposit = ledger.deposits.get(String(reference));
    if (deposit === undefined)
      findings.add('lost', `deposit ${String(reference)} is not there`, op);
    else if (deposit.amount !== amount || deposit.user !== userId)
      findings.add('contradicted', `deposit ${String(reference)} is ${deposit.amount}`, op);
  } else if (ask.action === 'create') {
    if (row === undefined) findings.add('lost', `batch ${batch} is not there`, op);
    else if (row.total !== body['total'] || row.count !== body['count'] || row.sender !== ask.user)
      findings.add('contradicted', `batch ${batch} has other terms`, op);
  } else if (ask.action === 'confirm') {
    if ((row?.confirmedAt ?? null) === null)
      findings.add('lost', `batch ${batch} is not confirmed`, op);
    else if (row?.expiresAt !== Date.parse(String(body['expiresAt'])))
      findings.add('contradicted', `batch ${batch} expires at another time`, op);
  } else if (ask.action === 'audience') {
    const missing = ((ask.body?.['receivers'] ?? []) as string[]).filter(
      (user) => !ledger.listed.has(`${batch} ${user}`),
    );
    const isClosed = ask.body?.['anyone'] === true && row?.anyone !== true;
    if (missing.length > 0 || isClosed)
      findings.add('lost', `audience of batch ${batch} lacks ${missing.length} or anyone`, op);
  }
}

/** Each opening is one credit of that amount, and there are no others. */
function checkPayments(ledger: Ledger, findings: Findings): void {
  const credits = Map.groupBy(
    ledger.entries.filter(({ kind, amount }) => kind === openKind && amount > 0),
    ({ batch, version }) => `${batch} ${version}`,
  );
  for (const { batch, version, packet, amount } of ledger.opens) {
    const paid = credits.get(`${batch} ${version}`) ?? [];
    const holder = ledger.packets.get(`${batch}-${packet}`)?.receiver;
    const what = `opening of packet ${batch}-${packet} (${amount})`;
    if (paid.length === 0) findings.add('lost', `${what} was not paid`);
    else if (paid.length > 1) findings.add('doubled', `${what} was paid ${paid.length} times`);
    else if (paid[0]?.amount !== amount || paid[0]?.owner !== `user:${holder}`)
      findings.add('contradicted', `${what} was paid as ${paid[0]?.amount} to ${paid[0]?.owner}`);
    credits.delete(`${batch} ${version}`);
  }
  for (const key of credits.keys()) findings.add('doubled', `a payment without opening: ${key}`);
}

function checkBatches(ledger: Ledger, findings: Findings): void {
  for (const batch of ledger.batches.values()) {
    const packets = ledger.packetsOf.get(batch.id) ?? [];
    const opened = packets.flatMap(({ amount }) => amount ?? []);
    const sum = opened.reduce((total, amount) => total + amount, 0);
    const escrow = ledger.accounts.get(`escrow:${batch.id}`) ?? 0;
    const funded = batch.confirmedAt === null ? 0 : batch.total;
    const what = `batch ${batch.id}`;
    const same = (name: string, found: number, wanted: number) => {
      if (found !== wanted)
        findings.add('contradicted', `${what}: ${name} ${found}, not ${wanted}`);
    };
    same('claimed', batch.claimed, packets.length);
    same('opened', batch.opened, opened.length);
    same('opened amount', batch.openedAmount, sum);
    same('opened + refunded + escrow', sum + batch.refunded + escrow, funded);
    same('packets above its count', Math.max(0, packets.length - batch.count), 0);
    for (const amount of opened)
      if (amount < 1 || (batch.each !== null && amount !== batch.each))
        findings.add('contradicted', `${what}: an amount of ${amount}`);
    if (batch.quarantined) findings.add('contradicted', `${what} is in quarantine`);
    const { expiresAt, ended } = batch;
    if (expiresAt !== null && expiresAt < ledger.readAt - overdueMs && !ended)
      findings.add('unexpected', `${what} should have expired long ago`);
  }
}

/** Each side from its own rows: issued from deposits, users from entries, escrow from batches, balances beside. */
function checkSums(ledger: Ledger, findings: Findings): void {
  const total = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);
  const issued = total([...ledger.deposits.values()].map(({ amount }) => amount));
  const byOwner = Map.groupBy(ledger.entries, ({ owner }) => owner);
  const users = total(
    ledger.entries.filter(({ owner }) => owner.startsWith('user:')).map(({ amount }) => amount),
  );
  const escrow = total(
    [...ledger.batches.values()]
      .filter(({ confirmedAt }) => confirmedAt !== null)
      .map((batch) => batch.total - batch.openedAmount - batch.refunded),
  );
  if (issued !== users + escrow)
    findings.add('contradicted', `issued ${issued}, users ${users}, escrow ${escrow}`);
  for (const owner of new Set([...byOwner.keys(), ...ledger.accounts.keys()])) {
    const moved = total((byOwner.get(owner) ?? []).map(({ amount }) => amount));
    const balance = ledger.accounts.get(owner) ?? 0;
    if (moved !== balance)
      findings.add('contradicted', `${owner}: balance ${balance}, entries ${moved}`);
    if (balance < 0 && !owner.startsWith('outside:'))
      findings.add('contradicted', `${owner} has ${balance}`);
  }
  if (ledger.unbalancedTransfers !== 0)
    findings.add('contradicted', `${ledger.unbalancedTransfers} transfers do not sum to zero`);
  if (ledger.quarantined !== 0)
    findings.add('contradicted', `${ledger.quarantined} events are in quarantine`);
}
