/**
 * Adopts a new, empty journal on purpose: the old one was emptied and is left, or is lost for good. Until then every
 * start is refused, because acknowledged events may lie in the old one (invariant 3).
 */
import type { Pool } from 'pg';
import type { Journal } from '../ports/journal.ts';
import type { Store } from '../ports/store.ts';

export interface Adoption {
  readonly pool: Pool;
  readonly store: Pick<Store, 'journalId' | 'markBound'>;
  readonly journal: Pick<Journal, 'ownership' | 'bind'>;
  /** The old journal, when it can still be asked. */
  readonly old: Pick<Journal, 'ownership' | 'depth'> | undefined;
  /** The old journal's id, typed by an operator who knows that it is lost. */
  readonly lost: string | undefined;
}

export type Adopted =
  | {
      readonly kind: 'adopted';
      readonly id: string;
      /** The old journal was seen empty: nothing acknowledged is missing. */
      readonly proven: boolean;
      /** Batches of which acknowledged events may be missing when nothing is proven. */
      readonly openBatches: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** @throws passing errors; run again, what was done is found */
export async function adoptJournal(adoption: Adoption): Promise<Adopted> {
  const { pool, store, journal } = adoption;
  const refused = (reason: string): Adopted => ({ kind: 'refused', reason });
  const { id, bound } = await store.journalId();
  if (!bound) return refused('the database is not bound to a journal yet: simply start');
  const { journalId: standing } = await journal.ownership();
  if (standing === id)
    return refused('this journal is the one the database belongs to: simply start');
  if (standing !== undefined)
    return refused(`this journal belongs to another database (${standing})`);
  const { rows: nodes } = await pool.query<{ id: string }>(
    'SELECT id FROM node WHERE until > now()',
  );
  const [node] = nodes;
  if (node !== undefined)
    return refused(`node ${node.id} is running and may hold unsettled events: stop it first`);
  const objection = await stillThere(adoption, id);
  if (objection !== undefined) return refused(objection);

  const { rows } = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM batch WHERE confirmed_at IS NOT NULL AND NOT ended',
  );
  const updated = await pool.query<{ id: string }>(
    'UPDATE journal SET id = gen_random_uuid(), bound = false WHERE id = $1 RETURNING id',
    [id],
  );
  const next = updated.rows[0]?.id;
  if (next === undefined) return refused('somebody else adopts a journal at this moment');
  // Were this the last thing that happened, the next start would bind it.
  if ((await journal.bind(next)) !== next) return refused('the journal was bound by somebody else');
  await store.markBound();
  return {
    kind: 'adopted',
    id: next,
    proven: adoption.old !== undefined,
    openBatches: rows[0]?.n ?? 0,
  };
}

/** Why something acknowledged could still lie in the old journal; undefined when not, or when it is given up. */
async function stillThere({ old, lost }: Adoption, id: string): Promise<string | undefined> {
  if (old === undefined) {
    return lost === id
      ? undefined
      : `acknowledged events may lie in journal ${id}: name it with --from URL so that it can be looked at, or, if it is lost for good, give it up with --lost ${id}`;
  }
  const { journalId } = await old.ownership();
  if (journalId !== id)
    return `--from is journal ${journalId ?? 'none'}, the database belongs to ${id}`;
  const jobs = await old.depth();
  return jobs === 0
    ? undefined
    : `the old journal holds ${jobs} jobs: start with it, let them settle, stop, and come again`;
}
