/** Does it add up? Compares what people were told with each other and with the books. Pure. */
import { checkAudit, checkBalances } from './check-money.ts';
import { checkBatches } from './check-batches.ts';
import type { Books, Funding, Told } from './told.ts';

/**
 * @param alone nobody else uses the server, so that its totals are the campaign's own
 * @returns a line for each thing that does not add up
 */
export function check(
  told: readonly Told[],
  funding: Funding,
  books: Books,
  alone: boolean,
): string[] {
  return [
    ...checkAnswers(told),
    ...checkPackets(told),
    ...checkBatches(told, funding, books),
    ...checkBalances(told, funding, books),
    ...checkAudit(funding, books, alone),
  ];
}

/** Every answer is one that the contract allows there. */
function checkAnswers(told: readonly Told[]): string[] {
  const problems: string[] = [];
  for (const heard of told) {
    const { receiver, batchId, action, expected, status, code, packetId, amount } = heard;
    const where = `${receiver}, ${action} in batch ${batchId}`;
    if (expected !== 'packet') {
      const wanted = expected === 'not_claimed' ? 409 : 403;
      if (status !== wanted || code !== expected)
        problems.push(
          `${where}: expected ${wanted} ${expected}, got ${status} ${code ?? packetId}`,
        );
    } else if (status < 300) {
      if (packetId === undefined) problems.push(`${where}: ${status} without a packet`);
      if (action !== 'claim' && amount === undefined)
        problems.push(`${where}: opened, but no amount was told`);
    } else if (status !== 410 || code !== 'exhausted') {
      problems.push(`${where}: got ${status} ${code}`);
    }
  }
  return problems;
}

/** One packet each, one answer about it, whatever was repeated. */
function checkPackets(told: readonly Told[]): string[] {
  const problems: string[] = [];
  const holder = new Map<string, string>();
  const amounts = new Map<string, number>();
  const packets = new Map<string, string>();
  const fresh = new Map<string, number>();
  const refused = new Set<string>();
  for (const { receiver, batchId, action, status, code, packetId, amount } of told) {
    const place = `${receiver} in batch ${batchId}`;
    if (code === 'exhausted') refused.add(place);
    if (packetId === undefined) continue;
    if ((packets.get(place) ?? packetId) !== packetId)
      problems.push(`${place} holds ${packets.get(place)} and ${packetId}`);
    packets.set(place, packetId);
    if ((holder.get(packetId) ?? receiver) !== receiver)
      problems.push(`packet ${packetId} went to ${holder.get(packetId)} and to ${receiver}`);
    holder.set(packetId, receiver);
    if (action !== 'open' && status === 201) fresh.set(place, (fresh.get(place) ?? 0) + 1);
    if (amount === undefined) continue;
    if ((amounts.get(packetId) ?? amount) !== amount)
      problems.push(`packet ${packetId} was told as ${amounts.get(packetId)} and as ${amount}`);
    amounts.set(packetId, amount);
  }
  for (const [place, times] of fresh) {
    if (times > 1) problems.push(`${place}: told as newly claimed ${times} times`);
  }
  for (const place of refused) {
    if (packets.has(place)) problems.push(`${place}: told both a packet and exhausted`);
  }
  return problems;
}
