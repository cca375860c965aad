/** Sealed texts, codes and card numbers. (E17) */
import { createCipheriv, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  holdsCardNumber,
  isCardNumber,
  maskedName,
  openCard,
  sealCard,
  storableReference,
} from '../../engine/payment/card.ts';
import { Vault, VaultError, type CardKey } from '../../engine/payment/vault.ts';

const key = (id: string, fill: number): CardKey => ({ id, key: new Uint8Array(32).fill(fill) });
const vault = new Vault([key('new', 2), key('old', 1)]);
const old = new Vault([key('old', 1)]);

test('what is sealed opens for its own row alone, and under a key that is still there', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (plain, row, other) => {
      const sealed = vault.seal(plain, row);
      expect(sealed.keyId).toBe('new');
      expect(sealed.nonce).toHaveLength(12);
      expect(vault.open(sealed, row)).toBe(plain.toWellFormed());
      if (other !== row) expect(() => vault.open(sealed, other)).toThrow(VaultError);
      expect(() => old.open(sealed, row)).toThrow(VaultError);
      expect(vault.open(old.seal(plain, row), row)).toBe(plain.toWellFormed());
    }),
  );
});

test('a changed bit anywhere is noticed, also a key id that is not its own', () => {
  const sealed = vault.seal('6222021234567890128', 'row');
  fc.assert(
    fc.property(fc.nat(sealed.text.length * 8 - 1), fc.nat(95), (bit, nonceBit) => {
      const text = Uint8Array.from(sealed.text);
      text[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => vault.open({ ...sealed, text }, 'row')).toThrow(VaultError);
      const nonce = Uint8Array.from(sealed.nonce);
      nonce[nonceBit >> 3]! ^= 1 << (nonceBit & 7);
      expect(() => vault.open({ ...sealed, nonce }, 'row')).toThrow(VaultError);
    }),
  );
  for (const size of [0, 1, 15]) {
    const text = sealed.text.subarray(0, size);
    expect(() => vault.open({ ...sealed, text }, 'row')).toThrow(VaultError);
  }
  expect(() => vault.open({ ...sealed, keyId: 'old' }, 'row')).toThrow(VaultError);
});

test('an error says nothing of what is inside', () => {
  const sealed = vault.seal('6222021234567890128', 'row');
  for (const open of [
    () => old.open(sealed, 'row'),
    () => vault.open(sealed, 'other'),
    () => vault.open({ ...sealed, text: new Uint8Array(0) }, 'row'),
  ]) {
    const error = (() => {
      try {
        return open();
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(String((error as Error).stack)).not.toContain('6222021234567890128');
    expect((error as Error).cause).toBeUndefined();
  }
});

test('the cipher is AES-256-GCM under a derived key, so that others can open it', () => {
  const sealed = old.seal('text', 'row');
  const derived = hkdfSync('sha256', key('old', 1).key, Buffer.alloc(0), 'hongbao card', 32);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(derived), sealed.nonce);
  cipher.setAAD(Buffer.from('old row'));
  const text = Buffer.concat([cipher.update('text'), cipher.final(), cipher.getAuthTag()]);
  expect(text.equals(sealed.text)).toBe(true);
});

test('a nonce is used once', () => {
  const nonces = Array.from({ length: 2_000 }, () =>
    Buffer.from(vault.seal('x', 'row').nonce).toString('hex'),
  );
  expect(new Set(nonces).size).toBe(nonces.length);
});

test('codes: six digits, the same again, another for another id or key, evenly spread', () => {
  const codes = Array.from({ length: 20_000 }, (_, i) => vault.code('old', `id-${i}`));
  expect(codes.every((code) => /^[0-9]{6}$/.test(code))).toBe(true);
  expect(vault.code('old', 'id-7')).toBe(codes[7]);
  expect(vault.code('new', 'id-7')).not.toBe(codes[7]);
  expect(new Set(codes).size).toBeGreaterThan(19_500);
  for (let place = 0; place < 6; place += 1) {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const code of codes) counts[Number(code[place])]! += 1;
    // Ten equal cells of 2,000, standard deviation 42.
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
  }
  expect(vault.isCode('old', 'id-7', codes[7]!)).toBe(true);
  expect(vault.isCode('old', 'id-7', codes[8]!)).toBe(false);
  for (const given of ['', codes[7]!.slice(1), `${codes[7]}0`]) {
    expect(vault.isCode('old', 'id-7', given)).toBe(false);
  }
  expect(() => vault.isCode('gone', 'id-7', '000000')).toThrow(VaultError);
});

/** The check digit in front of nothing: its own small definition. */
function withCheckDigit(digits: string): string {
  const sum = [...digits].toReversed().reduce((all, digit, i) => {
    const doubled = i % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return all + Math.floor(doubled / 10) + (doubled % 10);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

test('card numbers: length and check digit, every single wrong digit is noticed', () => {
  const body = fc.stringMatching(/^[0-9]{11,18}$/).filter((digits) => /[1-9]/.test(digits));
  fc.assert(
    fc.property(body, fc.nat(30), fc.integer({ min: 1, max: 9 }), (digits, at, by) => {
      const number = withCheckDigit(digits);
      expect(isCardNumber(number)).toBe(true);
      expect(isCardNumber(number.replaceAll(/(.{4})(?=.)/g, '$1 '))).toBe(true);
      const i = at % number.length;
      const other = `${number.slice(0, i)}${(Number(number[i]) + by) % 10}${number.slice(i + 1)}`;
      expect(isCardNumber(other)).toBe(false);
    }),
  );
  for (const text of [
    '',
    '0',
    '0'.repeat(16),
    withCheckDigit('1234567890'),
    withCheckDigit('1'.repeat(19)),
  ]) {
    expect(isCardNumber(text)).toBe(false);
  }
  for (const text of ['4111-1111-1111-1111', ' 4111111111111111', '4111  111111111111', '٤١١١']) {
    expect(isCardNumber(text)).toBe(false);
  }
});

test('what is shown of a holder and of a bank’s words', () => {
  expect(maskedName('Anna Zhang')).toBe('A** Z**');
  expect(maskedName('张三')).toBe('张**');
  expect(maskedName(' 𠮷野  家 ')).toBe('𠮷** 家**');
});

test('the bank’s reference is stored without the card, and so that it can be stored', () => {
  const card = { holderName: 'A', cardNumber: '6222021234567890128', bank: 'B' };
  const stored = (reference: string) => storableReference(reference, card);
  expect(stored('6222021234567890128')).toBe('…0128');
  expect(stored('6222 0212 3456 7890 128')).toBe('…0128');
  expect(stored('PAY-20261121/6222-0212-3456-7890-128/7')).toBe('PAY-20261121/…0128/7');
  expect(stored('20261121000001')).toBe('20261121000001');
  expect(stored('R\u00001\n\uD800')).toBe('R\u{FFFD}1\u{FFFD}\u{FFFD}');
});

test('a card number is found where none belongs, however it is written', () => {
  const number = '6222021234567890128';
  for (const text of [
    number,
    `ICBC ${number}`,
    '6222 0212 3456 7890 128',
    '6222-0212-3456-7890-128.',
    '6 2 2 2 0 2 1 2 3 4 5 6 7 8 9 0 1 2 8',
    '６２２２０２１２３４５６７８９０１２８',
  ]) {
    expect(holdsCardNumber(text), text).toBe(true);
  }
  for (const text of ['ICBC', 'Bank 1, branch 20261121', '102100099996', `1${number}`]) {
    expect(holdsCardNumber(text), text).toBe(false);
  }
  expect(holdsCardNumber(`1${number}`, number)).toBe(true);
});

test('what is sealed and no card says nothing of itself', () => {
  const sealed = vault.seal('6222021234567890128 is no JSON', 'row');
  const open = () => openCard(vault, sealed, 'row');
  expect(open).toThrow(VaultError);
  expect(open).not.toThrow(/6222/);
});

test('a card comes back whole', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (holderName, cardNumber, bank) => {
      const card = {
        holderName: holderName.toWellFormed(),
        cardNumber: cardNumber.toWellFormed(),
        bank: bank.toWellFormed(),
      };
      expect(openCard(vault, sealCard(vault, card, 'row'), 'row')).toEqual(card);
    }),
  );
});
