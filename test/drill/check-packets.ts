/** Every packet that anybody was told of, against the ledger: there, his, once, and with that amount. */
import type { Findings } from './findings.ts';
import type { Ledger, PacketRow } from './ledger.ts';
import { claimant, type Telling, type ToldIndex } from './told.ts';

export function checkPackets(told: ToldIndex, ledger: Ledger, findings: Findings): void {
  for (const telling of told.tellings) checkTelling(telling, ledger, findings);
  for (const [packetId, tellings] of told.byPacket) checkHistory(packetId, tellings, findings);
  checkClaimants(told, ledger, findings);
  checkUntold(told, ledger, findings);
}

function checkTelling(telling: Telling, ledger: Ledger, findings: Findings): void {
  const { heard, packetId, user, amount } = telling;
  const { op, ask, body } = heard;
  const row = ledger.packets.get(packetId);
  const what = `packet ${packetId} told to ${user} (op ${op}, ${ask.action}, ${heard.status})`;
  if (row === undefined) {
    findings.add('lost', `${what} is not in the ledger`, op);
    return;
  }
  const says = (name: string, isThere: string | number | null, wasTold: unknown) => {
    if (isThere !== wasTold)
      findings.add(
        'contradicted',
        `${what}: ${name} told ${String(wasTold)}, ledger ${isThere}`,
        op,
      );
  };
  says('batch', row.batch, ask.batch);
  says('receiver', row.receiver, user);
  says('receiverId', row.receiver, body['receiverId']);
  if (ask.action === 'claim') {
    says('claimedAt', row.claimedAt, timeOf(body['claimedAt']));
    if (ask.key !== undefined) says('key', row.key, ask.key);
  }
  if (row.claimedAt > heard.heardAt) {
    findings.add('contradicted', `${what} was claimed after it was told`, op);
  }
  if (amount === undefined) return;
  if (row.amount === null) {
    findings.add('lost', `${what} was opened with ${amount}, the ledger has it unopened`, op);
    return;
  }
  says('amount', row.amount, amount);
  says('openedAt', row.openedAt, timeOf(body['openedAt']));
}

function timeOf(text: unknown): number {
  return Date.parse(String(text));
}

/** The tellings of one packet among themselves. */
function checkHistory(packetId: string, tellings: readonly Telling[], findings: Findings): void {
  const opened = tellings.filter(({ amount }) => amount !== undefined);
  const firstOpened = opened.reduce<Telling | undefined>(
    (first, one) => (first === undefined || one.heard.heardAt < first.heard.heardAt ? one : first),
    undefined,
  );
  for (const { heard, amount } of tellings) {
    // A replay under a key repeats the first answer, which may be older than the opening.
    if (amount !== undefined || heard.ask.key !== undefined || firstOpened === undefined) continue;
    if (firstOpened.heard.heardAt < heard.sentAt) {
      const ops = [firstOpened.heard.op, heard.op];
      findings.add(
        'contradicted',
        `packet ${packetId} told as unopened after it was opened`,
        ...ops,
      );
    }
  }
  const first = tellings[0];
  for (const { heard, user } of tellings) {
    if (first !== undefined && user !== first.user) {
      findings.add('doubled', `packet ${packetId} told to two receivers`, first.heard.op, heard.op);
    }
  }
}

/** One packet for each claimant, told as new at most once. */
function checkClaimants(told: ToldIndex, ledger: Ledger, findings: Findings): void {
  const packetsByHolder = Map.groupBy(ledger.packets.values(), (row) =>
    ledger.batches.get(row.batch)?.once === true
      ? claimant({ batch: row.batch, user: row.receiver })
      : `${row.batch} ${row.receiver} ${row.key ?? `#${row.packet}`}`,
  );
  for (const [holder, rows] of packetsByHolder) {
    if (rows.length > 1) findings.add('doubled', `${holder} has ${rows.length} packets`);
  }
  for (const [holder, answers] of told.byClaimant) {
    const once = ledger.batches.get(answers[0]?.ask.batch ?? '')?.once === true;
    if (!once) continue;
    const named = new Set(answers.map(({ body }) => body['packetId']).filter(Boolean));
    const ops = answers.map(({ op }) => op);
    if (named.size > 1) {
      findings.add('doubled', `${holder} was told of packets ${[...named].join(', ')}`, ...ops);
    }
    const news = answers.filter(({ status }) => status === 201);
    if (news.length > 1) {
      findings.add('contradicted', `${holder} was told twice that a claim is new`, ...ops);
    }
  }
}

/** Everybody asks until he is answered, so no packet stays a secret, but for those that expired unopened. */
function checkUntold(told: ToldIndex, ledger: Ledger, findings: Findings): void {
  for (const [packetId, row] of ledger.packets) {
    if (told.byPacket.has(packetId) || isExpiredUnopened(row, ledger)) continue;
    const { receiver, amount } = row;
    findings.add('contradicted', `packet ${packetId} of ${receiver} (${amount}): nobody was told`);
  }
}

function isExpiredUnopened(row: PacketRow, ledger: Ledger): boolean {
  return row.amount === null && (ledger.batches.get(row.batch)?.expiredAt ?? null) !== null;
}
