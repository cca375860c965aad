/**
 * Secrets of the payment server under keys that the database does not know: cards as AES-256-GCM, codes as what follows
 * from a key and a withdrawal's id. (E17)
 *
 * A sealed text opens only with the words it was sealed for (its row and purpose): a row copied over another one, or
 * into another table, does not open. No error of this file says anything about what is inside.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { assert } from '../core/assert.ts';
import { codeDigits } from '../limits.ts';

export interface CardKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface Sealed {
  readonly keyId: string;
  readonly nonce: Uint8Array;
  /** The cipher's text with its tag behind. */
  readonly text: Uint8Array;
}

/** The key is not here, or the text was changed or belongs elsewhere. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

export const cardKeyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';

interface Derived {
  readonly card: Buffer;
  readonly code: Buffer;
}

/** Keys of one purpose each: what is learnt about one says nothing about the other. */
function derive(key: Uint8Array): Derived {
  const of = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `hongbao ${purpose}`, cardKeyBytes));
  return { card: of('card'), code: of('verification code') };
}

export class Vault {
  /** What is sealed from now on is sealed under this one. */
  readonly currentKeyId: string;
  readonly #keys: ReadonlyMap<string, Derived>;

  /** @param keys the first is the current one; the others only open */
  constructor(keys: readonly CardKey[]) {
    const [current] = keys;
    assert(current !== undefined, 'a vault has a key');
    assert(
      keys.every(({ key }) => key.length === cardKeyBytes),
      'card keys have 32 bytes',
    );
    this.currentKeyId = current.id;
    this.#keys = new Map(keys.map(({ id, key }) => [id, derive(key)]));
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  seal(plain: string, belongsTo: string): Sealed {
    const keyId = this.currentKeyId;
    // Random 96 bits: with a key's 2^32 cards a repeat is still less likely than 2^-32.
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#of(keyId).card, nonce);
    cipher.setAAD(Buffer.from(`${keyId} ${belongsTo}`));
    const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return { keyId, nonce, text };
  }

  /** @throws VaultError */
  open({ keyId, nonce, text }: Sealed, belongsTo: string): string {
    const { card } = this.#of(keyId);
    try {
      const decipher = createDecipheriv(algorithm, card, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(`${keyId} ${belongsTo}`));
      decipher.setAuthTag(text.subarray(text.length - tagBytes));
      const plain = decipher.update(text.subarray(0, text.length - tagBytes));
      return Buffer.concat([plain, decipher.final()]).toString('utf8');
    } catch {
      throw new VaultError(`what is sealed under key ${keyId} does not open here`);
    }
  }

  /**
   * The verification code of a withdrawal. It follows from the key and the id, so that it stands nowhere and can still be
   * sent again after a crash; who reads the database without the key can only guess.
   */
  code(keyId: string, withdrawalId: string): string {
    const digest = this.#hmac(keyId, `code ${withdrawalId}`);
    // 48 bits over 10^6: the bias is below 10^-8.
    return String(digest.readUIntBE(0, 6) % 10 ** codeDigits).padStart(codeDigits, '0');
  }

  /** Takes the same time for every code of the right length. @throws VaultError */
  isCode(keyId: string, withdrawalId: string, given: string): boolean {
    const right = Buffer.from(this.code(keyId, withdrawalId));
    const bytes = Buffer.from(given);
    return bytes.length === right.length && timingSafeEqual(bytes, right);
  }

  /** Recognises a wrong code that comes again, without keeping it. */
  digestOfWrong(keyId: string, withdrawalId: string, given: string): Buffer {
    return this.#hmac(keyId, `wrong ${withdrawalId} ${given}`);
  }

  #hmac(keyId: string, text: string): Buffer {
    return createHmac('sha256', this.#of(keyId).code).update(text).digest();
  }

  #of(keyId: string): Derived {
    const derived = this.#keys.get(keyId);
    if (derived === undefined) throw new VaultError(`there is no card key ${keyId}: CARD_KEYS`);
    return derived;
  }
}
