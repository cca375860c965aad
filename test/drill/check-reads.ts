/** Balances and batch pages as they were told, between what had to be in them and what can have been. */
import type { Heard } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { Ledger, PacketRow } from './ledger.ts';
import { mustShow, type Telling, type ToldIndex } from './told.ts';

export function checkReads(
  heard: readonly Heard[],
  told: ToldIndex,
  ledger: Ledger,
  findings: Findings,
): void {
  const received = Map.groupBy(ledger.packets.values(), ({ receiver }) => receiver);
  const highest = new Map<string, Heard>();
  for (const read of heard) {
    if (read.status !== 200) continue;
    const { action, user } = read.ask;
    if (action === 'accounts') {
      checkBalance(read, told.byUser.get(user) ?? [], received.get(user) ?? [], findings);
      checkNeverLess(read, highest, findings);
    } else if (action === 'page') checkPage(read, told, ledger, findings);
    else if (action === 'claims') checkClaims(read, told, ledger, findings);
  }
}

function balanceOf(read: Heard): number {
  const items = read.body['items'] as { asset: string; balance: number }[];
  return items.find(({ asset }) => asset === 'CNY')?.balance ?? 0;
}

/** Receivers never pay, so what they have is the sum of what they opened. */
function checkBalance(
  read: Heard,
  tellings: readonly Telling[],
  received: readonly PacketRow[],
  findings: Findings,
): void {
  const shown = new Map<string, number>();
  for (const telling of tellings) {
    if (telling.amount !== undefined && mustShow(read, telling))
      shown.set(telling.packetId, telling.amount);
  }
  const least = [...shown.values()].reduce((sum, amount) => sum + amount, 0);
  const most = received
    .filter(({ openedAt }) => openedAt !== null && openedAt <= read.heardAt)
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0);
  const balance = balanceOf(read);
  const who = `balance of ${read.ask.user} (op ${read.op}, node ${read.node}): told ${balance}`;
  if (balance < least) findings.add('lost', `${who}, opened before ${least}`, read.op);
  if (balance > most) findings.add('doubled', `${who}, opened until then ${most}`, read.op);
}

/** A read that began after another one had ended shows no less. */
function checkNeverLess(read: Heard, highest: Map<string, Heard>, findings: Findings): void {
  const { user } = read.ask;
  const before = highest.get(user);
  if (before !== undefined && before.heardAt < read.sentAt && balanceOf(read) < balanceOf(before)) {
    const fell = `from ${balanceOf(before)} to ${balanceOf(read)}`;
    findings.add('contradicted', `balance of ${user} fell ${fell}`, before.op, read.op);
  }
  if (before === undefined || balanceOf(read) >= balanceOf(before)) highest.set(user, read);
}

function checkPage(read: Heard, told: ToldIndex, ledger: Ledger, findings: Findings): void {
  const id = read.ask.batch ?? '';
  const batch = ledger.batches.get(id);
  const packets = ledger.packetsOf.get(id) ?? [];
  if (batch === undefined) return;
  const { claimed, opened, remaining } = read.body as Record<string, number>;
  const shown = (told.byBatch.get(id) ?? []).filter((telling) => mustShow(read, telling));
  const distinct = (tellings: readonly Telling[]) =>
    new Set(tellings.map((one) => one.packetId)).size;
  const what = `page of batch ${id} (op ${read.op}, node ${read.node})`;
  const between = (name: string, value: number | undefined, least: number, most: number) => {
    if (value === undefined || value < least || value > most) {
      const text = `${what}: ${name} ${value}, must be ${least} to ${most}`;
      findings.add((value ?? 0) < least ? 'lost' : 'contradicted', text, read.op);
    }
  };
  const until = (time: number | null) => time !== null && time <= read.heardAt;
  between(
    'claimed',
    claimed,
    distinct(shown),
    packets.filter(({ claimedAt }) => until(claimedAt)).length,
  );
  between(
    'opened',
    opened,
    distinct(shown.filter(({ amount }) => amount !== undefined)),
    packets.filter(({ openedAt }) => until(openedAt)).length,
  );
  between('remaining', remaining, batch.count - (claimed ?? 0), batch.count - (claimed ?? 0));
}

function checkClaims(read: Heard, told: ToldIndex, ledger: Ledger, findings: Findings): void {
  const id = read.ask.batch ?? '';
  const items = read.body['items'] as { packetId: string; receiverId: string; amount?: number }[];
  const what = `claims of batch ${id} (op ${read.op}, node ${read.node})`;
  const listed = new Map(items.map((item) => [item.packetId, item]));
  if (listed.size !== items.length) findings.add('doubled', `${what}: a packet twice`, read.op);
  for (const { packetId, receiverId, amount } of items) {
    const row = ledger.packets.get(packetId);
    if (row === undefined) findings.add('lost', `${what}: packet ${packetId} is gone`, read.op);
    else if (row.receiver !== receiverId || (amount !== undefined && row.amount !== amount)) {
      const text = `${what}: ${packetId} told as ${receiverId} ${amount}, ledger ${row.receiver} ${row.amount}`;
      findings.add('contradicted', text, read.op);
    }
  }
  for (const telling of told.byBatch.get(id) ?? []) {
    if (!mustShow(read, telling)) continue;
    const item = listed.get(telling.packetId);
    if (item === undefined || (telling.amount !== undefined && item.amount === undefined)) {
      findings.add(
        'lost',
        `${what}: ${telling.packetId} was told before`,
        telling.heard.op,
        read.op,
      );
    }
  }
}
