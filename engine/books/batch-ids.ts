/** Batch ids in blocks from a sequence: known before the row is written, because the shard hangs on them. (E5) */
import type { Connection } from '../store/statements.ts';

const blockSize = 1_000n;

export class BatchIds {
  #next = 0n;
  #end = 0n;

  /** A decimal string never used before; a block that a process does not use up is lost. */
  async next(connection: Connection): Promise<string> {
    if (this.#next === this.#end) {
      const { rows } = await connection.query<{ block: string }>(
        "SELECT nextval('batch_block')::text AS block",
      );
      const block = BigInt(rows[0]?.block ?? 0);
      this.#next = (block - 1n) * blockSize + 1n;
      this.#end = block * blockSize + 1n;
    }
    const id = this.#next;
    this.#next += 1n;
    return id.toString();
  }
}
