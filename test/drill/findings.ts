/** What the comparison of evidence and ledger found; an empty list is the promise kept. */

export const findingKinds = ['lost', 'doubled', 'contradicted', 'unexpected'] as const;
/**
 * `lost`: somebody was told of it and the ledger does not have it. `doubled`: given or told twice. `contradicted`:
 * the ledger, or another answer, says something else. `unexpected`: an answer outside the contract.
 */
export type FindingKind = (typeof findingKinds)[number];

export interface Finding {
  readonly kind: FindingKind;
  readonly text: string;
  /** Operations of the evidence that show it. */
  readonly ops: readonly number[];
}

export class Findings {
  readonly all: Finding[] = [];

  add(kind: FindingKind, text: string, ...ops: readonly number[]): void {
    this.all.push({ kind, text, ops });
  }

  count(kind: FindingKind): number {
    return this.all.filter((finding) => finding.kind === kind).length;
  }
}
