/** Checked values by their text: in a campaign thousands of requests a second say the same words. */

/** Longer texts hardly come twice. */
const textLengthMax = 200;

export class Remembered<T extends {}> {
  readonly #values = new Map<string, T>();
  readonly #max: number;

  /** @param max texts kept; when it is full all are forgotten */
  constructor(max: number) {
    this.#max = max;
  }

  get(text: string): T | undefined {
    return this.#values.get(text);
  }

  /** Keeps a value that is never changed, and gives it back. */
  keep(text: string, value: T): T {
    if (text.length > textLengthMax) return value;
    if (this.#values.size >= this.#max) this.#values.clear();
    this.#values.set(text, value);
    return value;
  }
}
