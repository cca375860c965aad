/** `npm run reconcile` as a process, against a sandbox over HTTP: what it prints, writes and exits with. (E17) */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultInput } from '../../engine/bank/faults.ts';
import { type PayoutsUnderTest, payoutsUnderTest } from './payout-support.ts';
import { type Ran, runTool } from './repair-support.ts';

let under: PayoutsUnderTest;
let folder: string;
let worker: { close(): Promise<void> };
beforeEach(async () => {
  under = await payoutsUnderTest();
  worker = await under.worker();
  folder = await mkdtemp(join(tmpdir(), 'hongbao-reconcile-'));
});
afterEach(async () => {
  await worker.close();
  await under.close();
  await rm(folder, { recursive: true });
});

const run = (...args: string[]): Promise<Ran> =>
  runTool(
    'reconcile',
    { DATABASE_URL: under.url, BANK_URL: `${under.sandbox.url}/bank`, TZ: 'UTC' },
    ...args,
  );

async function paid(user: string): Promise<string> {
  const id = await under.processing(user);
  expect(await under.ended(user, id)).toBe('paid');
  return id;
}

it('says that nothing differs, with code 0, and writes a table without lines', async () => {
  await paid('ann');
  await paid('ben');
  const file = join(folder, 'none.csv');
  const { code, output } = await run('--csv', file);
  expect(output).toMatch(/^2 withdrawals, 2 payouts at the bank, 1970-01-01T.* … 20.*Z\n/);
  expect(output).toContain('\nno difference\n');
  expect(code).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(
    'kind,id,account,asset,here,there,amount_here,amount_there,since\r\n',
  );
  expect(await readdir(folder)).toEqual(['none.csv']);
});

it('names what differs, with code 1, and writes it as a table', async () => {
  const id = await paid('ann');
  const evil = '=HYPERLINK("http://x.example","a,b")\u{1b}[2J';
  under.sandbox.books.order({ id: evil, asset: 'CNY', amount: 77, last4: '1111' });
  // A balance that somebody changed by hand: the audit finds it as well.
  const client = new Client(under.url);
  await client.connect();
  await client.query(`UPDATE account SET balance = 3 WHERE owner = 'outside:in-flight'`);
  await client.end();
  const file = join(folder, 'some.csv');
  const { code, output } = await run('--csv', file, '--days', '1');
  expect(code).toBe(1);
  expect(output).toContain(
    '3 differences: ledger_mismatch 1, in_flight_differs 1, unknown_here 1\n',
  );
  expect(output).toMatch(/in_flight_differs +outside:in-flight +CNY +here processing 0, there 3/);
  expect(output).toContain('here –, there paid 77');
  // A terminal is told nothing.
  expect(output).not.toContain('\u{1b}');
  expect(output).not.toContain(id);
  const lines = (await readFile(file, 'utf8')).split('\r\n');
  expect(lines.slice(1, 3)).toEqual([
    'ledger_mismatch,,,,,,1,,',
    'in_flight_differs,,outside:in-flight,CNY,processing,,0,3,',
  ]);
  expect(lines[3]).toMatch(
    /^unknown_here,"'=HYPERLINK\(""http:\/\/x\.example"",""a,b""\).*",,CNY,,paid,,77,2/,
  );
  expect(lines[4]).toBe('');
});

it('prints some of many, and writes all of them', async () => {
  for (let i = 0; i < 1_234; i += 1)
    under.sandbox.books.order({ id: randomUUID(), asset: 'CNY', amount: 1 + i, last4: '1111' });
  const file = join(folder, 'many.csv');
  const { code, output } = await run('--csv', file);
  expect(code).toBe(1);
  expect(output.match(/^unknown_here /gm)).toHaveLength(50);
  expect(output).toContain('… and 1184 more\n1234 differences: unknown_here 1234\n');
  const amounts = (await readFile(file, 'utf8'))
    .split('\r\n')
    .slice(1, -1)
    .map((line) => Number(line.split(',')[7]));
  expect(new Set(amounts).size).toBe(1_234);
});

describe('what cannot be compared has code 2, and never says that nothing differs', () => {
  const unreadable: Record<string, FaultInput> = {
    errors: { kind: 'error_before', on: 'list' },
    'a page of a website': { kind: 'malformed', on: 'list' },
    'an answer cut off': { kind: 'malformed', on: 'list', variant: 'truncated' },
    'an answer without end': { kind: 'malformed', on: 'list', variant: 'huge' },
    'a way elsewhere': { kind: 'malformed', on: 'list', variant: 'redirect' },
  };
  for (const [what, fault] of Object.entries(unreadable)) {
    it(`${what} instead of the bank's list`, async () => {
      await paid('ann');
      under.sandbox.faults.add(fault);
      const file = join(folder, 'never.csv');
      const { code, output } = await run('--csv', file);
      expect(output).toMatch(/the bank's list: \w+\n/);
      expect(output).not.toContain('no difference');
      expect(code).toBe(2);
      expect(await readdir(folder)).toEqual(['never.csv.partial']);
    });
  }

  it('an error in the middle of the list', async () => {
    for (let i = 0; i < 1_100; i += 1)
      under.sandbox.books.order({ id: randomUUID(), asset: 'CNY', amount: 1, last4: '1111' });
    let pages = 0;
    const page = under.sandbox.books.page.bind(under.sandbox.books);
    under.sandbox.books.page = (...args) => {
      pages += 1;
      if (pages === 2) under.sandbox.faults.add({ kind: 'error_before', on: 'list' });
      return page(...args);
    };
    const { code, output } = await run();
    expect(output).toContain("the bank's list: status_500");
    expect(code).toBe(2);
    expect(pages).toBeGreaterThan(1);
  });

  it('a bank that is not there', async () => {
    const env = { DATABASE_URL: under.url, BANK_URL: 'http://127.0.0.1:9' };
    expect(await runTool('reconcile', env)).toMatchObject({
      code: 2,
      output: "the bank's list: unreachable\n",
    });
  });

  it('no bank', async () => {
    expect(await runTool('reconcile', { DATABASE_URL: under.url })).toMatchObject({
      code: 2,
      output: 'BANK_URL is not set: there is nothing to compare with\n',
    });
  });

  it('no database', async () => {
    const env = { DATABASE_URL: 'postgres://127.0.0.1:9/none', BANK_URL: 'http://127.0.0.1:9' };
    expect((await runTool('reconcile', env)).code).toBe(2);
  });

  it.each([
    [['--days', 'two'], '--days: must be a number'],
    [['--from', 'yesterday'], '--from: must be a date or a time'],
    [['--from', '2026-02-02', '--until', '2026-02-01'], '--from: must lie before --until'],
    [['--from', '2026-02-02', '--days', '1'], '--days: leave it or --from out'],
    [['--grace', '-1'], '--grace'],
    [['--everything'], '--everything'],
  ])('%j', async (args, problem) => {
    const { code, output } = await run(...args);
    expect(output).toContain(problem);
    expect(code).toBe(2);
  });
});

it('compares a time span', async () => {
  await paid('ann');
  under.sandbox.books.order({ id: randomUUID(), asset: 'CNY', amount: 1, last4: '1111' });
  const old = await run('--from', '2020-01-01', '--until', '2020-02-01T00:00:00Z');
  expect(old.output).toBe(
    '0 withdrawals, 0 payouts at the bank, 2020-01-01T00:00:00.000Z … 2020-02-01T00:00:00.000Z\nno difference\n',
  );
  expect(old.code).toBe(0);
  expect((await run('--from', '2020-01-01')).code).toBe(1);
});
