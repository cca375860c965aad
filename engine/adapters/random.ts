/** Uniform integers from the operating system's CSPRNG, fetched in blocks. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../ports/random.ts';
import { uniformBelow } from './uniform.ts';

const blockBytes = 4096;
const wordBytes = 8;

/** The Random of production: `crypto.randomFill` in blocks of 4 KiB, rejection sampling, no modulo bias. (E13) */
export function systemRandom(): Random {
  const block = Buffer.alloc(blockBytes);
  let offset = blockBytes;
  /** 53 uniform bits. */
  const word = () => {
    if (offset === blockBytes) {
      randomFillSync(block);
      offset = 0;
    }
    const high = block.readUInt32LE(offset) >>> 11;
    const low = block.readUInt32LE(offset + 4);
    offset += wordBytes;
    return high * 2 ** 32 + low;
  };
  return uniformBelow(word);
}
