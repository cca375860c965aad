/** The summary at the end of the demo. */
import { table, whole } from '../support/table.ts';
import { assets } from './plan.ts';
import type { Books, Funding, Told } from './told.ts';

const problemsShownMax = 40;

export interface Timing {
  readonly playedMs: number;
  readonly totalMs: number;
  readonly repeats: ReadonlyMap<string, number>;
}

export function summary(
  told: readonly Told[],
  funding: Funding,
  books: Books,
  timing: Timing,
): string {
  return [
    batchTable(funding, books),
    answerTable(told),
    auditTable(books),
    timeLine(told, timing),
  ].join('\n\n');
}

function batchTable(funding: Funding, books: Books): string {
  const rows = assets.flatMap((asset) =>
    (['lucky', 'fixed'] as const).map((mode) => {
      const own = funding.batches.filter(
        ({ planned }) => planned.asset === asset && planned.mode === mode,
      );
      const sum = (of: (book: NonNullable<ReturnType<typeof books.batches.get>>) => number) =>
        whole(
          own.reduce((total, { id }) => {
            const book = books.batches.get(id);
            return total + (book === undefined ? 0 : of(book));
          }, 0),
        );
      return [
        asset,
        mode,
        whole(own.length),
        sum((book) => book.count),
        sum((book) => book.claimed),
        sum((book) => book.opened),
        sum((book) => book.total),
        sum((book) => book.openedAmount),
        sum((book) => book.total - book.openedAmount - book.refundedAmount),
      ];
    }),
  );
  const titles = ['asset', 'mode', 'batches', 'packets', 'claimed', 'opened'];
  const money = ['funded', 'given away', 'in escrow'];
  return table(columns([...titles, ...money], 2), rows);
}

function answerTable(told: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { action, status, code, packetId } of told) {
    const what = code ?? (packetId === undefined ? 'no packet' : 'packet');
    const name = [action.replaceAll('_', ' '), String(status), what].join('|');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const rows = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => [...name.split('|'), whole(count)]);
  return table(columns(['request', 'status', 'answer', 'times'], 3), rows);
}

function auditTable(books: Books): string {
  const names = ['issued', 'users', 'escrow', 'inFlight', 'paidOut', 'difference'] as const;
  const rows = books.audit.assets.map((row) => [
    row.asset,
    ...names.map((name) => whole(row[name])),
  ]);
  const pending = `pending events: ${books.audit.pendingEvents}, ok: ${books.audit.ok}`;
  return `operator audit (${pending})\n${table(columns(['asset', ...names], 1), rows)}`;
}

function timeLine(told: readonly Told[], { playedMs, totalMs, repeats }: Timing): string {
  const rate = whole(told.length / (playedMs / 1_000));
  const again = [...repeats].map(([reason, times]) => `${times} × ${reason}`).join(', ') || 'none';
  return (
    `${whole(told.length)} claims and opens in ${(playedMs / 1_000).toFixed(1)} s (${rate}/s from one client ` +
    `that checks everything), whole campaign ${(totalMs / 1_000).toFixed(1)} s, requests repeated: ${again}`
  );
}

/** The first `words` columns hold words. */
function columns(titles: readonly string[], words: number) {
  return titles.map((title, i) => ({
    title,
    align: i < words ? ('left' as const) : ('right' as const),
  }));
}

export function verdict(problems: readonly string[]): string {
  if (problems.length === 0) return 'Everything adds up.';
  const shown = problems.slice(0, problemsShownMax).map((problem) => `  - ${problem}`);
  const more = problems.length - shown.length;
  if (more > 0) shown.push(`  … and ${more} more`);
  const what = problems.length === 1 ? '1 thing does' : `${problems.length} things do`;
  return [`${what} not add up:`, ...shown].join('\n');
}
