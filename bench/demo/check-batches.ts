/** Each batch's page and claims against what its receivers were told (invariant 1 inside a batch). */
import type { BatchBook, Books, Funding, LiveBatch, Told } from './told.ts';

interface ToldPacket {
  readonly receiver: string;
  amount: number | undefined;
}

export function checkBatches(told: readonly Told[], funding: Funding, books: Books): string[] {
  const byBatch = new Map<string, Told[]>();
  for (const heard of told) {
    const all = byBatch.get(heard.batchId);
    if (all === undefined) byBatch.set(heard.batchId, [heard]);
    else all.push(heard);
  }
  return funding.batches.flatMap((batch) => {
    const book = books.batches.get(batch.id);
    if (book === undefined) return [`batch ${batch.id} is not in the books`];
    const own = byBatch.get(batch.id) ?? [];
    const packets = packetsTold(own);
    const exhausted = own.some(({ code }) => code === 'exhausted');
    return [
      ...checkPage(batch, book, packets, exhausted),
      ...checkClaims(book, packets),
      ...checkBest(book),
    ].map((problem) => `batch ${batch.id}: ${problem}`);
  });
}

function packetsTold(told: readonly Told[]): Map<string, ToldPacket> {
  const packets = new Map<string, ToldPacket>();
  for (const { receiver, packetId, amount } of told) {
    if (packetId === undefined) continue;
    const known = packets.get(packetId);
    if (known === undefined) packets.set(packetId, { receiver, amount });
    else known.amount ??= amount;
  }
  return packets;
}

function checkPage(
  { planned }: LiveBatch,
  book: BatchBook,
  packets: ReadonlyMap<string, ToldPacket>,
  exhausted: boolean,
): string[] {
  const problems: string[] = [];
  const same = (what: string, found: number | string, wanted: number | string) => {
    if (found !== wanted) problems.push(`${what} is ${found}, expected ${wanted}`);
  };
  const amounts = [...packets.values()].flatMap(({ amount }) => amount ?? []);
  const opened = amounts.reduce((sum, amount) => sum + amount, 0);
  same('count', book.count, planned.count);
  same('total', book.total, planned.total);
  same('claimed', book.claimed, packets.size);
  same('opened', book.opened, amounts.length);
  same('remaining', book.remaining, planned.count - packets.size);
  same('openedAmount', book.openedAmount, opened);
  same('refundedAmount', book.refundedAmount, 0);
  same('status', book.status, packets.size === planned.count ? 'exhausted' : 'active');
  if (exhausted && packets.size < planned.count) {
    problems.push(`somebody was told exhausted, but ${planned.count - packets.size} remain`);
  }
  const left = planned.total - opened;
  const unopened = planned.count - amounts.length;
  if (planned.each !== undefined) same('rest', left, planned.each * unopened);
  else if (left < unopened || (unopened === 0 && left !== 0)) {
    problems.push(`${left} units are left for ${unopened} unopened packets`);
  }
  for (const amount of amounts) {
    if (!Number.isSafeInteger(amount) || amount < 1) problems.push(`an amount of ${amount}`);
    if (planned.each !== undefined) same('a fixed amount', amount, planned.each);
  }
  return problems;
}

function checkClaims(book: BatchBook, packets: ReadonlyMap<string, ToldPacket>): string[] {
  const problems: string[] = [];
  const listed = new Set<string>();
  for (const { packetId, receiverId, amount } of book.claims) {
    const known = packets.get(packetId);
    if (listed.has(packetId)) problems.push(`packet ${packetId} is listed twice`);
    listed.add(packetId);
    if (known === undefined) problems.push(`packet ${packetId} is listed, but nobody was told`);
    else if (known.receiver !== receiverId || known.amount !== amount) {
      problems.push(
        `packet ${packetId} is listed with ${receiverId} and ${amount ?? 'no amount'}, ` +
          `told to ${known.receiver} with ${known.amount ?? 'no amount'}`,
      );
    }
  }
  for (const packetId of packets.keys()) {
    if (!listed.has(packetId)) problems.push(`packet ${packetId} was told, but is not listed`);
  }
  return problems;
}

/** `best` marks one packet, the largest, and only once all are opened. */
function checkBest(book: BatchBook): string[] {
  const marked = book.claims.filter(({ best }) => best);
  if (book.opened < book.count) {
    return marked.length === 0 ? [] : ['a best packet is marked before all are opened'];
  }
  const largest = Math.max(...book.claims.map(({ amount }) => amount ?? 0));
  const [best] = marked;
  if (marked.length === 1 && best?.amount === largest) return [];
  return [`${marked.length} packets are marked as best, largest amount ${largest}`];
}
