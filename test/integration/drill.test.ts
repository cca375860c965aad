/**
 * A short crash drill on each backend (invariants 1–7 on real processes), and the proof that its audit can fail: each
 * kind of lie about the ledger is found. The long drill is `npm run drill`.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { compare, type DrillResult, runDrill } from '../drill/drill.ts';
import { Evidence, type Heard } from '../drill/evidence.ts';
import { Findings } from '../drill/findings.ts';
import type { Ledger, PacketRow } from '../drill/ledger.ts';
import { reportOf } from '../drill/report.ts';

function shortDrill(backend: 'embedded' | 'redis'): Promise<DrillResult> {
  return runDrill({
    backend,
    seed: Math.floor(Date.now() / 1_000),
    rounds: 3,
    minutes: undefined,
    nodes: 1,
    receivers: 60,
    lanes: 8,
    roundsPerWorkerMode: 2,
    longestLifeSeconds: 3,
  });
}

function expectKept(result: DrillResult): void {
  // The report names the seed and what was found.
  expect(result.findings.all, reportOf(result)).toEqual([]);
  expect(result.broken).toBeUndefined();
  expect(result.evidence.neverAnswered).toEqual([]);
  expect(result.rounds.flatMap(({ hits }) => hits).length).toBeGreaterThan(0);
  expect(result.evidence.heard.length).toBeGreaterThan(200);
}

/** The same comparison with evidence or ledger changed. */
function found(
  { evidence, ledger }: DrillResult,
  change: { readonly heard?: readonly Heard[]; readonly ledger?: Partial<Ledger> },
): string[] {
  const told = new Evidence();
  told.heard.push(...(change.heard ?? evidence.heard));
  const findings = new Findings();
  compare(told, { ...(ledger as Ledger), ...change.ledger }, findings);
  return findings.all.map(({ kind, text }) => `${kind}: ${text}`);
}

describe('crash drill', () => {
  let onRedis: DrillResult;
  let result: DrillResult;
  // Both spend most of their time waiting for something to come back.
  beforeAll(async () => {
    [onRedis, result] = await Promise.all([shortDrill('redis'), shortDrill('embedded')]);
  }, 180_000);

  it('keeps the promise on Redis', () => {
    expectKept(onRedis);
  });

  it('keeps the promise on the embedded database', () => {
    expectKept(result);
  });

  describe('its comparison', () => {
    const told = () => {
      const heard = result.evidence.heard.find(
        ({ ask, status }) => ask.action === 'claim' && ask.open === true && status === 201,
      );
      if (heard === undefined) throw new Error('nobody claimed');
      return heard;
    };
    const withPacket = (change: (row: PacketRow) => PacketRow | undefined) => {
      const packets = new Map(result.ledger?.packets);
      const id = String(told().body['packetId']);
      const changed = change(packets.get(id) as PacketRow);
      if (changed === undefined) packets.delete(id);
      else packets.set(id, changed);
      return { ledger: { packets, packetsOf: Map.groupBy(packets.values(), (row) => row.batch) } };
    };
    const withAnswer = (body: Record<string, unknown>, change: Partial<Heard> = {}) => {
      const original = told();
      const lie = { ...original, ...change, body: { ...original.body, ...body } };
      return { heard: [...result.evidence.heard, lie] };
    };

    it.each([
      ['a claim that is gone', () => withPacket(() => undefined), /^lost: packet/],
      [
        'an opening that is gone',
        () => withPacket((row) => ({ ...row, amount: null, openedAt: null })),
        /^lost: packet .* unopened/,
      ],
      [
        'another amount',
        () => withPacket((row) => ({ ...row, amount: (row.amount ?? 0) + 1 })),
        /^contradicted: .* amount told/,
      ],
      [
        "somebody else's packet",
        () => withPacket((row) => ({ ...row, receiver: 'nobody' })),
        /^contradicted: .* receiver told/,
      ],
      [
        'a second packet for one receiver',
        () => withAnswer({ packetId: `${told().ask.batch}-9999` }),
        /^(doubled|lost): /,
      ],
      [
        'a refusal after a success',
        () => withAnswer({ code: 'exhausted' }, { status: 410, code: 'exhausted' }),
        /^contradicted: .* exhausted, but the caller has a packet/,
      ],
      [
        'a payment that is gone',
        () => ({ ledger: { entries: (result.ledger?.entries ?? []).filter((e) => e.kind !== 3) } }),
        /^lost: opening .* was not paid/,
      ],
      [
        'a payment made twice',
        () => {
          const entries = result.ledger?.entries ?? [];
          return { ledger: { entries: [...entries, ...entries.filter((e) => e.kind === 3)] } };
        },
        /^doubled: opening .* was paid 2 times/,
      ],
      [
        'a balance below what was told',
        () => {
          const read = result.evidence.heard.findLast(
            ({ ask, body }) => ask.action === 'accounts' && (body['items'] as unknown[]).length > 0,
          );
          const lie = { ...(read as Heard), body: { items: [] } };
          return { heard: [...result.evidence.heard, lie] };
        },
        /^lost: balance of/,
      ],
    ])('finds %s', (_, change, expected) => {
      expect(found(result, change())).toContainEqual(expect.stringMatching(expected));
    });
  });
});
