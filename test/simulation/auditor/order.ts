/**
 * One single order: every answer gets a place in the batch's events such that nobody was told of an older state
 * after somebody had been told of a newer one (linearizability against the final ledger; invariants 2, 3, 7).
 */
import { must, type History } from './history.ts';
import { describeTold, spanOf, type Told } from './told.ts';

/** A read of the committed ledger: true at exactly this version. */
export interface Page {
  readonly askedAt: number;
  readonly toldAt: number;
  readonly version: number;
}

interface Placed {
  readonly askedAt: number;
  readonly toldAt: number;
  readonly from: number;
  readonly to: number;
  readonly text: () => string;
  /** The newest version that anybody knew when it was asked. */
  floor: number;
}

/** @throws Violation for the first answer that fits nowhere */
export function checkOrder(history: History, told: readonly Told[], pages: readonly Page[]): void {
  const answers: Placed[] = told.map((one) => {
    const span = spanOf(history, one);
    return { ...one, ...span, floor: 0, text: () => describeTold(one) };
  });
  const reads: Placed[] = pages.map((page) => {
    const text = () => `page at version ${page.version}`;
    return { ...page, from: page.version, to: page.version, floor: 0, text };
  });
  const moments: { readonly at: number; readonly asked: boolean; readonly placed: Placed }[] = [];
  for (const placed of answers) {
    moments.push({ at: placed.askedAt, asked: true, placed });
    moments.push({ at: placed.toldAt, asked: false, placed });
  }
  // A page may lag behind what other nodes told, but what it showed is known from then on.
  for (const placed of reads) moments.push({ at: placed.toldAt, asked: false, placed });
  moments.sort((one, other) => one.at - other.at);
  let newest = 0;
  let newestText = () => 'nothing';
  for (const { asked, placed } of moments) {
    if (asked) {
      placed.floor = newest;
      continue;
    }
    const { from, to, floor } = placed;
    const point = Math.max(from, floor);
    must(
      point <= to,
      () =>
        `batch ${history.params.id}: ${placed.text()} is true at versions ${from} to ${to} of ${history.version}, ` +
        `but was asked after version ${floor} was known; newest: ${newestText()}`,
    );
    if (point > newest) {
      newest = point;
      newestText = placed.text;
    }
  }
}
