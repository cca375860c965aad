/** Bank cards: what a number must look like, what may be shown, and what must not slip out. (E17 ¶207) */
import type { Card } from '../ports/bank.ts';
import { cardDigitsMax, cardDigitsMin } from '../limits.ts';
import { type Sealed, type Vault, VaultError } from './vault.ts';

/** What leaves of a card. */
export interface CardView {
  readonly bank: string;
  readonly last4: string;
}

const written = /^[0-9]+( [0-9]+)*$/;
/** Codes of banks and branches are as short as this, and may look like a card's by chance. */
const bankCodeDigitsMax = 12;
/** Digits one by one or in groups, as people write numbers. */
const digitGroups = /[0-9](?:[\s._/-]{0,3}[0-9])*/g;

/** Digits in groups as on the card, 12 to 19 of them, with the right check digit (ISO/IEC 7812). */
export function isCardNumber(text: string): boolean {
  if (!written.test(text)) return false;
  const digits = digitsOf(text);
  // Nothing but zeros has a right check digit, too.
  if (/^0+$/.test(digits)) return false;
  return digits.length >= cardDigitsMin && digits.length <= cardDigitsMax && hasLuhn(digits);
}

export function digitsOf(text: string): string {
  return text.replaceAll(' ', '');
}

/** Whether somebody has put a card number, this one or another, where everybody reads it. */
export function holdsCardNumber(text: string, cardNumber?: string): boolean {
  // Wide and other digits count as well.
  const runs = text.normalize('NFKC').match(digitGroups) ?? [];
  return runs
    .map((run) => run.replaceAll(/[^0-9]/g, ''))
    .some(
      (run) =>
        (run.length > bankCodeDigitsMax && isCardNumber(run)) ||
        (cardNumber !== undefined && run.includes(cardNumber)),
    );
}

/** From the right every second digit counts twice; the sum of all decimal digits is a multiple of ten. */
function hasLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const counted = i % 2 === 0 ? digit : digit * 2;
    sum += counted > 9 ? counted - 9 : counted;
  }
  return sum % 10 === 0;
}

export function last4Of(digits: string): string {
  return digits.slice(-4);
}

/** The first character of each word: enough for its owner to recognise. */
export function maskedName(name: string): string {
  return name
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => `${[...word][0] ?? ''}**`)
    .join(' ');
}

/** Rows that hold a card, and the words that bind it there. */
export const registrationRow = (userId: string): string => `registration ${userId}`;
export const withdrawalRow = (id: string): string => `withdrawal ${id}`;

export function sealCard(vault: Vault, card: Card, belongsTo: string): Sealed {
  const { holderName, cardNumber, bank } = card;
  return vault.seal(JSON.stringify([holderName, cardNumber, bank]), belongsTo);
}

/** @throws VaultError */
export function openCard(vault: Vault, sealed: Sealed, belongsTo: string): Card {
  const text = vault.open(sealed, belongsTo);
  let fields: [string, string, string];
  try {
    fields = JSON.parse(text) as typeof fields;
  } catch {
    // What JSON.parse would say quotes the text.
    throw new VaultError('what is sealed is no card');
  }
  const [holderName, cardNumber, bank] = fields;
  return { holderName, cardNumber, bank };
}

/** What the bank calls a payout, as it can be stored: without the card's number, however its digits are grouped. */
export function storableReference(reference: string, { cardNumber }: Card): string {
  const grouped = new RegExp([...cardNumber].join('[\\s._/-]*'), 'g');
  const masked = reference.replaceAll(grouped, `…${last4Of(cardNumber)}`);
  // NUL could not be stored, and a payment that cannot be stored never ends.
  return masked.toWellFormed().replaceAll(/\p{Cc}/gu, '\u{FFFD}');
}
