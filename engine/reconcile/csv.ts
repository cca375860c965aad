/** Differences as CSV (RFC 4180), for people with spreadsheets. */
import type { Difference } from './difference.ts';

const columns = [
  'kind',
  'id',
  'account',
  'asset',
  'here',
  'there',
  'amount_here',
  'amount_there',
  'since',
] as const;

export const csvHeader = `${columns.join(',')}\r\n`;

export function csvLine(difference: Difference): string {
  const { kind, id, account, asset, here, there, amountHere, amountThere, since } = difference;
  const at = since === undefined ? '' : new Date(since).toISOString();
  const cells = [kind, id, account, asset, here, there, amountHere ?? '', amountThere ?? '', at];
  return `${cells.map(cell).join(',')}\r\n`;
}

/** What makes a spreadsheet calculate, as OWASP lists it; it looks past blanks, and takes wide forms as well. */
const formula = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/u;

/** A text that a spreadsheet would take for a formula gets an apostrophe: ids of a bank may be anything. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
