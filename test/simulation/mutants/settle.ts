/** Mutants of settling, the sweep and the split (invariants 1, 4, 6). */
import type { Mutant } from './patch.ts';

const settle = 'engine/settle/settle.ts';
const plan = 'engine/store/plan.ts';

export const settleMutants: readonly Mutant[] = [
  {
    name: 'settle out of order',
    rule: 'Settle: jobs settled+1 … by id, in that order; a delivered job is a wake-up call.',
    edits: [
      {
        file: settle,
        find: 'nextPayloads(deps, number, owner.settled, wanted, ',
        replace: 'nextPayloads(deps, number, Math.max(owner.settled, wanted - 1), wanted, ',
      },
    ],
  },
  {
    name: 'leftovers looked up in Postgres before the journal',
    rule: 'Settle: under the lock of the owner row; without it a job that settles meanwhile is in neither.',
    edits: [
      {
        file: settle,
        find: '    const step = await size.bounding(() =>\n      deps.store.withOwner(number, (owner) => settleStep(deps, number, owner, wanted, size)),\n    );',
        replace: `    const [seen] = await deps.store.progress([number]);
    // Long enough for somebody else to settle and remove them.
    await new Promise<void>((resolve) => deps.clock.after(200, resolve));
    const found = await nextPayloads(deps, number, seen?.settled ?? 0, wanted, size.jobsMax).catch(
      (error: unknown) => {
        // What is missing is believed to be lost: nothing says that it has settled.
        if (error instanceof JournalGap) deps.observer.alarm('journal_gap', error.message);
        throw error;
      },
    );
    const step = await size.bounding(() =>
      deps.store.withOwner(number, (owner) => settleStep(deps, number, owner, wanted, size, found)),
    );`,
      },
      {
        file: settle,
        find: '  size: TransactionSize,\n): Promise<Step> {',
        replace: '  size: TransactionSize,\n  found: Payload[],\n): Promise<Step> {',
      },
      {
        file: settle,
        find: 'await nextPayloads(deps, number, owner.settled, wanted, size.jobsMax).catch(',
        replace: 'await Promise.resolve(found.filter((one) => one.seq > owner.settled)).catch(',
      },
    ],
  },
  {
    name: 'events of a sealed shard applied',
    rule: 'Settle: events of a shard sealed above the number are dropped.',
    edits: [
      {
        file: settle,
        find: 'sealed.size === 0 ? events : events.filter(',
        replace: 'sealed.size >= 0 ? events : events.filter(',
      },
    ],
  },
  {
    name: 'settle without the conflict rule',
    rule: "Settle: events are keyed (batch, version). Guarded four times: the owner's cursor, the plan's comparison, the second opinion's version, and an advance that only goes up are all gone.",
    edits: [
      {
        file: settle,
        find: 'if (wanted > 0 && owner.settled >= wanted) return { settled: owner.settled, more: false };',
        replace: '',
      },
      {
        file: settle,
        find: 'nextPayloads(deps, number, owner.settled, wanted, ',
        replace:
          'nextPayloads(deps, number, wanted > 0 ? Math.min(owner.settled, wanted - 1) : owner.settled, wanted, ',
      },
      {
        file: settle,
        find: 'await owner.advance(last.seq, dropped);',
        replace: 'await owner.advance(Math.max(last.seq, owner.settled), dropped);',
      },
      {
        file: settle,
        find: 'return { settled: last.seq, more: wanted === 0 };',
        replace: 'return { settled: Math.max(last.seq, owner.settled), more: wanted === 0 };',
      },
      {
        file: plan,
        find: 'if (event.version <= summary.version) {',
        replace: 'if (event.version < 0) {',
      },
      {
        file: 'engine/core/applicable.ts',
        find: "if (event.version !== summary.version + 1) return 'version_gap';",
        replace: '',
      },
    ],
  },
  {
    name: 'asynchronous commit with a database crash',
    rule: 'Settle: synchronous_commit on. (A crash of the fake loses what was committed since the last sync.)',
    edits: [
      {
        file: 'test/simulation/world.ts',
        find: 'synchronousCommit: true',
        replace: 'synchronousCommit: false',
      },
    ],
  },
  {
    name: 'a sweep that refunds by itself',
    rule: 'Single writer: a sweep may only wake the owner.',
    edits: [
      {
        file: 'engine/shard/host.ts',
        find: "this.handle({ batchId, command: { kind: 'expire' }, reply: () => resolve() });",
        replace: `void (async () => {
              const loaded = await store.load(batchId);
              const number = this.#ownerOf[shardOf(batchId)]?.number;
              if (loaded.kind !== 'active' || number === undefined) return;
              const { version, openedAmount, params, lastEventAt } = loaded.state;
              const at = Math.max(lastEventAt, clock.now());
              const refunded = params.total - openedAmount;
              const event = { kind: 'expired', batchId, version: version + 1, at, refunded } as const;
              await store.withOwner(number, (owner) => owner.apply([event], at));
            })().then(resolve, resolve);`,
      },
    ],
  },
  {
    name: 'a poison event that drops its neighbours',
    rule: 'Settle: quarantine takes the later events of its own batch only.',
    edits: [
      {
        file: plan,
        find: 'for (const group of groups) planGroup(plan, group, known);',
        replace:
          'for (const group of groups) if (plan.quarantined.length === 0) planGroup(plan, group, known);',
      },
    ],
  },
  {
    name: 'a poison event that is dropped, the later ones applied',
    rule: 'Settle: an event that can never apply goes with all later events of its batch into quarantine. (The version check, which would stop them, is gone with it.)',
    edits: [
      {
        file: plan,
        find: '    plan.quarantined.push({ event, reason });\n  }\n  if (summary',
        replace:
          '    reason = undefined;\n    summary = { ...summary, version: event.version };\n  }\n  if (summary',
      },
    ],
  },
  {
    name: 'an idempotency key forgotten',
    rule: 'Idempotency keys are committed with the effect, inside the event.',
    edits: [
      {
        file: 'engine/core/codec.ts',
        find: 'return tag === undefined ? head :',
        replace: 'return tag === undefined || tag !== undefined ? head :',
      },
    ],
  },
  {
    name: 'biased last share',
    rule: 'Shares: K is b rounded up or down at random such that its mean is b.',
    edits: [
      {
        file: 'engine/core/split.ts',
        find: 'numerator > 0 && random.below(packets) < numerator ? 1 : 0',
        replace: '0',
      },
    ],
  },
];
