/**
 * `npm run reconcile`: ledger, packets and withdrawals against the bank's list. (E17)
 *
 *   npm run reconcile                                   everything there ever was
 *   npm run reconcile -- --days 2                       what was paid out in the last two days
 *   npm run reconcile -- --from TIME [--until TIME]     … in a time span (2026-11-01 or 2026-11-01T08:00:00Z)
 *   npm run reconcile -- --csv FILE                     all differences as a table
 *   npm run reconcile -- --grace SECONDS                how long one side may be ahead of the other (600)
 *
 * Exit code 0: no difference; 1: differences; 2: it could not be compared, so nothing is known. The server may run.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { systemClock } from '../engine/adapters/clock.ts';
import { fakeBank } from '../engine/bank/fake.ts';
import { httpBank } from '../engine/bank/http-bank.ts';
import { silentMeter } from '../engine/bank/meter.ts';
import type { BankLine } from '../engine/bank/sandbox-books.ts';
import { postgresBooks } from '../engine/books/postgres.ts';
import type { Config } from '../engine/config.ts';
import type { Bank } from '../engine/ports/bank.ts';
import { type Patience, patienceDefault } from '../engine/reconcile/difference.ts';
import { reconcile, reconcileLedger } from '../engine/reconcile/reconcile.ts';
import { type DatabaseTool, runWithDatabase, say } from './operator-tool.ts';
import { startReport } from './reconcile-report.ts';
import { readLineFile } from './sandbox/line-file.ts';

const dayMs = 86_400_000;

interface Options {
  readonly from: number;
  readonly until: number;
  readonly csvFile: string | undefined;
  readonly patience: Patience;
}

const time = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], 'must be a date or a time')
  .transform((text) => Date.parse(text));
const optionsSchema = z.object({
  days: z.coerce.number('must be a number').positive().max(36_500).optional(),
  from: time.optional(),
  until: time.optional(),
  csv: z.string().min(1).optional(),
  grace: z.coerce.number('must be a number').min(0).max(86_400).optional(),
});

/** @throws Error with one line about the option that is wrong */
function readOptions(now: number): Options {
  const text = { type: 'string' } as const;
  const options = { days: text, from: text, until: text, csv: text, grace: text };
  const parsed = optionsSchema.safeParse(parseArgs({ options }).values);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`--${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { days, from, until = now, csv, grace } = parsed.data;
  if (days !== undefined && from !== undefined) throw new Error('--days: leave it or --from out');
  const begin = from ?? (days === undefined ? 0 : until - days * dayMs);
  if (begin >= until) throw new Error('--from: must lie before --until');
  const patience =
    grace === undefined ? patienceDefault : { ...patienceDefault, graceMs: grace * 1_000 };
  return { from: begin, until, csvFile: csv, patience };
}

/** The bank of the configuration; for development what the sandbox has written down, whether it runs or not. */
function bankOf({ outside, dataDir }: Config): Bank {
  if (outside.bank !== undefined) return httpBank(outside.bank, silentMeter);
  if (!outside.sandbox) throw new Error('BANK_URL is not set: there is nothing to compare with');
  const lines = readLineFile<BankLine>(join(dataDir, 'sandbox.jsonl'));
  return fakeBank(systemClock, Math.random, lines).bank;
}

function counted(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

async function run({ config, pool, databaseUrl, observer }: DatabaseTool): Promise<number> {
  const now = () => systemClock.now();
  const { from, until, csvFile, patience } = readOptions(now());
  const bank = bankOf(config);
  const report = startReport(csvFile);
  const books = await postgresBooks({ url: databaseUrl, observer, poolMax: 1 });
  try {
    await reconcileLedger(books, (difference) => report.tell(difference));
  } finally {
    await books.close();
  }
  const reconciled = await reconcile({ pool, bank, now }, { from, until, patience }, (difference) =>
    report.tell(difference),
  );
  const { withdrawals, listed, unasked } = reconciled;
  const span = [from, until].map((at) => new Date(at).toISOString()).join(' … ');
  say(`${counted(withdrawals, 'withdrawal')}, ${counted(listed, 'payout')} at the bank, ${span}`);
  if (unasked > 0)
    say(`too many to ask the bank about each: ${unasked} were judged by its list alone`);
  const { differences } = await report.end();
  return differences === 0 ? 0 : 1;
}

await runWithDatabase(run, { failureCode: 2, beside: true });
