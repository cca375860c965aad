/** What happened, line by line: always hashed, kept only when somebody wants to read it. */
import { createHash } from 'node:crypto';

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #keep: ((line: string) => void) | undefined;

  constructor(keep?: (line: string) => void) {
    this.#keep = keep;
  }

  line(atMs: number, text: () => string): void {
    const line = `${atMs} ${text()}`;
    this.#hash.update(line);
    this.#keep?.(line);
  }

  /** To be asked once, at the end. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
