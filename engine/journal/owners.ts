/**
 * Guards invariant 2 (single owner) and 3 (gate): what both stores share in reading ownership.
 *
 * Every call asks the store. Only the 256 numbers are kept between calls: the store names the
 * version of its table (its run, the journal id, a counter of take-overs) in every answer, and
 * sends the numbers again when that is not the version the caller said it knows.
 */
import { shardCount } from '../limits.ts';
import type { Ownership } from '../ports/journal.ts';

/** One answer of the store. */
export interface OwnershipAnswer {
  readonly journalId: string | undefined;
  readonly runId: string;
  readonly version: string;
  /** shard, number, shard, number …; undefined when the version is the one that was named. */
  readonly pairs: readonly string[] | undefined;
}

/** Wraps `ask`; each call makes exactly one question, never joins one that began earlier. */
export function ownershipReader(
  ask: (knownVersion: string) => Promise<OwnershipAnswer>,
): () => Promise<Ownership> {
  let known = { version: '', owners: ownersOf([]) };
  return async () => {
    // The answer belongs to this table even when another call replaces `known` meanwhile.
    const mine = known;
    const { journalId, runId, version, pairs } = await ask(mine.version);
    if (pairs === undefined) {
      if (version !== mine.version)
        throw new Error('the journal named a version without its owners');
      return { journalId, runId, owners: mine.owners };
    }
    known = { version, owners: ownersOf(pairs) };
    return { journalId, runId, owners: known.owners };
  };
}

function ownersOf(pairs: readonly string[]): readonly number[] {
  const owners = Array.from({ length: shardCount }, () => 0);
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const shard = Number(pairs[i]);
    const number = Number(pairs[i + 1]);
    if (!isShard(shard) || !isOwnerNumber(number)) {
      throw new Error(`the journal's owner table holds ${pairs[i]}: ${pairs[i + 1]}`);
    }
    owners[shard] = number;
  }
  return owners;
}

/** @throws RangeError for what can only be a mistake of the caller */
export function checkTake(shards: readonly number[], number: number): void {
  const wrong = shards.find((shard) => !isShard(shard));
  if (wrong !== undefined) throw new RangeError(`not a shard: ${wrong}`);
  if (!isOwnerNumber(number)) throw new RangeError(`not an owner number: ${number}`);
}

function isShard(shard: number): boolean {
  return Number.isInteger(shard) && shard >= 0 && shard < shardCount;
}

/** At most 15 digits, as in a job id; exact in Lua's doubles. */
function isOwnerNumber(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number < 1e15;
}
