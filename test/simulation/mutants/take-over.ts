/** Mutants of owners, numbers, seals and restarted journals (invariant 2). */
import type { Edit, Mutant } from './patch.ts';

const takeOver = 'engine/shard/take-over.ts';
const owner = 'engine/shard/owner.ts';
const fakeStore = 'engine/store/fake.ts';

const settleLeftovers = '  const failing = await settleEarlier(deps, earlier);\n';
/** Done again after it, which changes nothing. */
const sealFirst = '  if (kept.length > 0) await deps.store.seal(kept, number, earlier);\n';

const settleSelfFromJournal: Edit = {
  file: 'engine/shard/settlement.ts',
  find: 'await settleOwner({ ...this.#deps, journal: { read } }, this.#number);',
  replace: 'void read;\n      await settleOwner(this.#deps, this.#number);',
};

export const takeOverMutants: readonly Mutant[] = [
  {
    name: 'owner number reused after a thread restart',
    rule: 'Owner: numbers come from a sequence and are never used twice.',
    edits: [
      {
        file: takeOver,
        find: 'const number = await deps.store.newOwner(shards);',
        replace: `const used = await deps.store.earlierOwners(shards, Number.MAX_SAFE_INTEGER);
  const number = used.at(-1) ?? (await deps.store.newOwner(shards));`,
      },
    ],
  },
  {
    name: 'seal without its condition',
    rule: 'Take-over (3): UPDATE shard SET sealed = N WHERE sealed < N; no row: give up. (The SQL is under contract.)',
    edits: [
      {
        file: fakeStore,
        find: 'if (shards.some((shard) => this.#sealed(shard) > number)) return false;',
        replace: '',
      },
    ],
  },
  {
    name: 'seal before leftovers are settled',
    rule: 'Take-over: (2) settle, then (3) seal.',
    edits: [{ file: takeOver, find: settleLeftovers, replace: sealFirst + settleLeftovers }],
  },
  {
    name: 'leftovers of an abandoned take-over ignored',
    rule: 'Take-over (2): every earlier number ≥ sealed, not the one before only.',
    edits: [
      {
        file: takeOver,
        find: 'await settleEarlier(deps, earlier);',
        replace: 'await settleEarlier(deps, earlier.slice(-1));',
      },
    ],
  },
  {
    name: "the journal's store not told of the new owner",
    rule: "Take-over (1): set its owner in the journal's store before anything else. (Without it nothing is served, so the mutant's gate does not ask either.)",
    edits: [
      { file: takeOver, find: '  await deps.journal.take(shards, number);\n', replace: '' },
      {
        file: takeOver,
        find: 'const kept = shards.filter((shard) => after.owners[shard] === number);',
        replace: 'const kept = [...shards];',
      },
      {
        file: takeOver,
        find: 'const lost = shards.filter((shard) => after.owners[shard] !== number);',
        replace: 'const lost: number[] = [];',
      },
      {
        file: owner,
        find: 'if (!sameJournal || ownership.owners[shard] !== this.number) lost.add(shard);',
        replace: 'if (!sameJournal) lost.add(shard);',
      },
    ],
  },
  {
    name: 'ownership that moves downwards',
    rule: "Take-over (1): set its owner in the journal's store to N, only upwards. (Guarded again by the seal's condition, which is gone too. Both stores are under contract.)",
    edits: [
      {
        file: fakeStore,
        find: 'if (shards.some((shard) => this.#sealed(shard) > number)) return false;',
        replace: '',
      },
      {
        file: 'engine/journal/fake.ts',
        find: 'owners[shard] = Math.max(owners[shard] ?? 0, number);',
        replace: 'owners[shard] = number;',
      },
    ],
  },
  {
    name: 'a journal rolled back to older data and believed',
    rule: 'Release: only in the run of the add; a changed run: take the shards again. (An owner that settles from its own copies would make it good: the mutant reads the journal.)',
    edits: [
      settleSelfFromJournal,
      {
        file: owner,
        find: "if (ownership.runId !== this.#runId) return { kind: 'retake' };",
        replace: '',
      },
    ],
  },
  {
    name: 'a restarted journal not given its payloads again',
    rule: 'Kept until settled: add all unsettled payloads again, then release. (An owner also settles from its own copies when nobody else moves `settled`: the mutant reads the journal for that.)',
    edits: [
      { file: owner, find: 'await this.#flusher.addAllAgain();', replace: '' },
      settleSelfFromJournal,
    ],
  },
];
