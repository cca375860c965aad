/** A mutant: the engine with one rule of the durability protocol taken away. */
export interface Edit {
  readonly file: string;
  /** Must stand in the file exactly once, so that a refactoring has to look after its mutants. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** The rule that is gone, and, where it is guarded twice, what else had to go with it. */
  readonly rule: string;
  /** Usually one. */
  readonly edits: readonly Edit[];
}

/** @throws Error when `find` does not stand there exactly once */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `${file}: the text of a mutant stands there ${parts.length - 1} times, not once:\n${find}`,
    );
  }
  return parts.join(replace);
}
