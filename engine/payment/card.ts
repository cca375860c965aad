/** Bank cards: what a number must look like, what may be shown, and what must not slip out. (E17 ¶207) */
import type { Card } from '../ports/bank.ts';
import { cardDigitsMax, cardDigitsMin } from '../limits.ts';
import type { Sealed, Vault } from './vault.ts';

/** What leaves of a card. */
export interface CardView {
  readonly bank: string;
  readonly last4: string;
}

const written = /^[0-9]+( [0-9]+)*$/;

/** Digits in groups as on the card, 12 to 19 of them, with the right check digit (ISO/IEC 7812). */
export function isCardNumber(text: string): boolean {
  if (!written.test(text)) return false;
  const digits = digitsOf(text);
  return digits.length >= cardDigitsMin && digits.length <= cardDigitsMax && hasLuhn(digits);
}

export function digitsOf(text: string): string {
  return text.replaceAll(' ', '');
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
  const [holderName, cardNumber, bank] = JSON.parse(vault.open(sealed, belongsTo)) as [
    string,
    string,
    string,
  ];
  return { holderName, cardNumber, bank };
}

/** The bank's number of a payout, unless it is the card's. */
export function withoutCard(reference: string, last4: string): string {
  const digits = reference.replaceAll(/[ .-]/g, '');
  return isCardNumber(digits) && digits.endsWith(last4) ? `…${last4}` : reference;
}
