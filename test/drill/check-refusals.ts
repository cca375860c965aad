/** Every refusal against the ledger and the other answers: it must have been true when it was heard. */
import type { Evidence, Heard } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { BatchRow, Ledger, PacketRow } from './ledger.ts';
import { claimant, type ToldIndex } from './told.ts';

/** When something was first told to be so; what was asked later must agree. */
type Since = Map<string, number>;

function raise(since: Since, key: string, heardAt: number): void {
  since.set(key, Math.min(since.get(key) ?? Infinity, heardAt));
}

interface Known {
  readonly confirmed: Since;
  /** `<batch> <user>` */
  readonly listed: Since;
  readonly anyone: Since;
  readonly linkKeys: Map<string, string>;
  readonly requests: ReadonlyMap<string, ReadonlySet<string>>;
}

function knownFrom(evidence: Evidence): Known {
  const known = { confirmed: new Map(), listed: new Map(), anyone: new Map(), linkKeys: new Map() };
  const requests = new Map<string, Set<string>>();
  for (const { ask, status, heardAt, body } of evidence.heard) {
    const { batch = '' } = ask;
    if (ask.action === 'confirm' && status === 200) {
      raise(known.confirmed, batch, heardAt);
      known.linkKeys.set(batch, new URL(String(body['link'])).searchParams.get('k') ?? '');
    }
    if (ask.action === 'audience' && status === 200) {
      if (ask.body?.['anyone'] === true) raise(known.anyone, batch, heardAt);
      for (const user of (ask.body?.['receivers'] ?? []) as string[])
        raise(known.listed, `${batch} ${user}`, heardAt);
    }
  }
  // Unanswered ones may have come first, so they count as well.
  const asks = [...evidence.heard.map(({ ask }) => ask), ...evidence.neverAnswered];
  for (const ask of asks.filter(({ key, action }) => key !== undefined && action === 'claim')) {
    const wishes = requests.get(claimant(ask)) ?? new Set();
    wishes.add(`${ask.open} ${ask.linkKey}`);
    requests.set(claimant(ask), wishes);
  }
  return { ...known, requests };
}

export function checkRefusals(
  evidence: Evidence,
  told: ToldIndex,
  ledger: Ledger,
  findings: Findings,
): void {
  const known = knownFrom(evidence);
  for (const heard of evidence.heard) {
    const { ask, status, code, op } = heard;
    if (status < 300) continue;
    // Whoever adds receivers to a batch of a short life may come too late.
    const isTooLate = ask.action === 'audience' && code === 'expired';
    if (ask.action !== 'claim' && ask.action !== 'open' && !isTooLate) {
      findings.add('unexpected', `${ask.action} by ${ask.user}: ${status} ${code}`, op);
      continue;
    }
    const batch = ledger.batches.get(ask.batch ?? '');
    if (batch === undefined) {
      findings.add('lost', `batch ${ask.batch} is not in the ledger`, op);
      continue;
    }
    const why = contradiction(heard, batch, known, told, ledger);
    if (why === undefined) continue;
    const kind = why === 'unexpected' ? 'unexpected' : 'contradicted';
    const who = `${ask.action} by ${ask.user} on batch ${ask.batch} (op ${op})`;
    findings.add(kind, `${who}: ${status} ${code}, but ${why}`, op);
  }
}

/** Why the refusal cannot have been true; undefined when it may. */
function contradiction(
  heard: Heard,
  batch: BatchRow,
  known: Known,
  told: ToldIndex,
  ledger: Ledger,
): string | undefined {
  const { ask, code, sentAt, heardAt } = heard;
  const packets = ledger.packetsOf.get(batch.id) ?? [];
  const mine = packets.filter((row) => isMine(row, heard, batch));
  const isTrueBefore = (since: number | undefined) => since !== undefined && since < sentAt;
  const isListed = isTrueBefore(known.listed.get(`${batch.id} ${ask.user}`));
  switch (code) {
    case 'exhausted': {
      if (mine.length > 0) return 'the caller has a packet';
      const claimedThen = packets.filter(({ claimedAt }) => claimedAt <= heardAt).length;
      return claimedThen < batch.count
        ? `${claimedThen} of ${batch.count} were claimed`
        : undefined;
    }
    case 'expired': {
      const { expiredAt, expiresAt } = batch;
      if (expiredAt === null || expiresAt === null) return 'the batch never expired';
      if (expiredAt > heardAt || expiresAt > heardAt) return 'the batch expired later';
      if (ask.action === 'audience') return undefined;
      const isOpened = mine.some(({ amount }) => amount !== null);
      if (ask.action === 'claim' && ask.key !== undefined) {
        return mine.length > 0 ? 'the key has a packet' : undefined;
      }
      return isOpened ? "the caller's packet is opened" : undefined;
    }
    case 'not_in_audience':
      if (isListed) return 'the caller was listed before';
      return isTrueBefore(known.anyone.get(batch.id)) ? 'anyone was let in before' : undefined;
    case 'bad_key':
      if (isListed) return 'the caller was listed before';
      return ask.linkKey === known.linkKeys.get(batch.id) ? 'the key is the right one' : undefined;
    case 'not_active':
      return isTrueBefore(known.confirmed.get(batch.id)) ? 'it was confirmed before' : undefined;
    case 'not_claimed': {
      const answers = told.byUser.get(ask.user) ?? [];
      const isKnown = answers.some(
        (one) =>
          one.heard.ask.batch === batch.id &&
          one.heard.heardAt < sentAt &&
          (ask.packet ?? one.packetId) === one.packetId,
      );
      return isKnown ? 'the claim was acknowledged before' : undefined;
    }
    case 'idempotency_key_reused':
      return (known.requests.get(claimant(ask))?.size ?? 0) < 2 ? 'nobody used the key' : undefined;
    case 'idempotency_key_required':
      return batch.once || ask.key !== undefined ? 'none is required, or one was given' : undefined;
    default:
      return 'unexpected';
  }
}

/** The packet that an answer to this request would have named. */
function isMine(row: PacketRow, { ask }: Heard, batch: BatchRow): boolean {
  if (row.receiver !== ask.user) return false;
  if (ask.action === 'open')
    return ask.packet === undefined || ask.packet === `${row.batch}-${row.packet}`;
  return batch.once || row.key === ask.key;
}
