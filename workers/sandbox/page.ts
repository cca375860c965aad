/** What a developer sees: codes that would have been sent, and payouts of the sandbox bank. */
import type { BankRecord } from '../../engine/bank/sandbox-books.ts';
import type { OutboxItem } from './outbox.ts';

const rowsMax = 100;
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(value: string | number): string {
  return String(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

function table(titles: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const row = (tag: string, cells: readonly (string | number)[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${row('th', titles)}${rows.map((cells) => row('td', cells)).join('')}</table>`;
}

const time = (at: number) => new Date(at).toISOString();

export function outboxPage(codes: readonly OutboxItem[], payouts: readonly BankRecord[]): string {
  const sent = codes
    .slice(0, rowsMax)
    .map(({ at, userId, code, expiresAt }) => [time(at), userId, code, time(expiresAt)]);
  const paid = payouts
    .slice(-rowsMax)
    .toReversed()
    .map(({ at, id, asset, amount, last4, refusal }) => {
      return [time(at), id, asset, amount, last4, refusal ?? 'pays'];
    });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>Sandbox</title>
<style>body{font:14px system-ui;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .8em;text-align:left}</style>
<h1>Outbox</h1><p>Verification codes, newest first. Nothing here leaves this machine.</p>
${table(['sent', 'user', 'code', 'valid until'], sent)}
<h1>Payouts</h1>${table(['taken', 'id', 'asset', 'amount', 'card', 'outcome'], paid)}
</html>
`;
}
