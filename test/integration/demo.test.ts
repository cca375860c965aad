import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCampaign } from '../../bench/demo/campaign.ts';
import { check } from '../../bench/demo/checks.ts';
import { demoSettings } from '../../bench/demo/settings.ts';
import type { BatchBook, Books, Funding, Told } from '../../bench/demo/told.ts';
import { Cleanup } from '../../bench/support/cleanup.ts';
import { projectRoot, startServer, withoutSettings } from '../../bench/support/server.ts';

// The demo is the first thing a newcomer runs, and it has to notice when a server lies.

// Servers start slowly on a busy machine, and their own errors say more than a timeout.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const small = ['--senders', '4', '--batches', '24', '--receivers', '120'];
const cleanup = new Cleanup();
let folder = '';
let url = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hongbao-demo-test-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const env = { ...withoutSettings, DATA_DIR: join(folder, 'data') };
  ({ url } = await startServer({ cleanup, env }));
});

afterAll(() => cleanup.run());

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: projectRoot, env: { ...process.env, ...withoutSettings, ...env } };
    const script = join(projectRoot, 'bench', 'demo.ts');
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, stdout, stderr });
    });
  });
}

test('it starts a server of its own, everything adds up, and nothing is left behind', async () => {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  // PostgreSQL may run as another user.
  await chmod(temporary, 0o777);
  const { code, stdout, stderr } = await demo(small, { TMPDIR: temporary, DEMO_URL: '' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('Everything adds up.');
  expect(stdout).toContain('pending events: 0, ok: true');
  expect(await readdir(temporary)).toEqual([]);
});

test('it uses the server at DEMO_URL, also a second time', async () => {
  for (let time = 1; time <= 2; time += 1) {
    const { code, stdout, stderr } = await demo(small, { DEMO_URL: url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`campaign on ${url}`);
    expect(stdout).toContain('Everything adds up.');
  }
});

test('without a server it says so', async () => {
  const { code, stderr } = await demo(small, {
    TMPDIR: folder,
    DEMO_URL: '',
    DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:1/none',
  });
  expect(code).toBe(1);
  expect(stderr).toContain('the server did not start');
  expect(stderr).toContain('ECONNREFUSED');
});

/** Stands before the server and adds one unit to the first balance that it tells. */
async function lyingProxy(): Promise<Server> {
  let lied = false;
  const proxy = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = 'GET', url: path = '/', headers } = request;
      const { authorization, 'content-type': type, 'idempotency-key': key } = headers;
      const kept = { authorization, 'content-type': type, 'idempotency-key': key as string };
      const given = Object.entries(kept).filter((entry) => entry[1] !== undefined);
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: given as [string, string][],
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      });
      let text = await answer.text();
      if (!lied && path.startsWith('/v1/accounts')) {
        const honest = text;
        text = text.replace(/"balance":(\d+)/, (_, units) => `"balance":${Number(units) + 1}`);
        lied = text !== honest;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}

test('a server that tells a wrong balance is found out: exit code 1 and the line', async () => {
  const proxy = await lyingProxy();
  const { port } = proxy.address() as AddressInfo;
  const { code, stdout } = await demo(small, { DEMO_URL: `http://127.0.0.1:${port}` });
  proxy.closeAllConnections();
  proxy.close();
  expect(stdout).toMatch(/1 thing does not add up:\n {2}- \S+ has \d+ \S+, expected \d+/);
  expect(code).toBe(1);
});

/** What one honest campaign has to say for itself. */
let campaign: Promise<{ told: readonly Told[]; funding: Funding; books: Books }> | undefined;

async function withBooks(alter: (books: Books) => Books): Promise<string[]> {
  campaign ??= new Promise((resolve, reject) => {
    const phase = () => ({ step() {}, done() {} });
    const inspect = (told: readonly Told[], funding: Funding, books: Books) =>
      resolve({ told, funding, books });
    runCampaign(demoSettings(small, {}), { url, alone: false, phase, print() {}, inspect }).catch(
      reject,
    );
  });
  const { told, funding, books } = await campaign;
  return check(told, funding, alter(books), false);
}

/** A copy of the map in which the first entry that `change` accepts is changed. */
function changed<K, V>(map: ReadonlyMap<K, V>, change: (value: V) => V | undefined): Map<K, V> {
  const copy = new Map(map);
  for (const [key, value] of map) {
    const other = change(value);
    if (other === undefined) continue;
    copy.set(key, other);
    return copy;
  }
  throw new Error('nothing to change');
}

function otherBatch(books: Books, change: (book: BatchBook) => BatchBook | undefined): Books {
  return { ...books, batches: changed(books.batches, change) };
}

test('untouched books pass', async () => {
  expect(await withBooks((books) => books)).toEqual([]);
});

test.each<[string, RegExp, (books: Books) => Books]>([
  [
    'a balance with one unit more',
    /has \d+ \S+, expected \d+/,
    (books) => ({
      ...books,
      balances: changed(books.balances, (own) =>
        own.size === 0 ? undefined : changed(own, (balance) => balance + 1),
      ),
    }),
  ],
  [
    'a balance of an asset nobody gave',
    /has 5 gold, expected 0/,
    (books) => ({
      ...books,
      balances: changed(books.balances, (own) => new Map([...own, ['gold', 5]])),
    }),
  ],
  [
    'a batch page that forgot an amount',
    /openedAmount is/,
    (books) => otherBatch(books, (book) => ({ ...book, openedAmount: book.openedAmount + 1 })),
  ],
  [
    'a claim that went to somebody else',
    /is listed with somebody/,
    (books) =>
      otherBatch(books, (book) => {
        const [first, ...rest] = book.claims;
        if (first === undefined) return undefined;
        return { ...book, claims: [{ ...first, receiverId: 'somebody' }, ...rest] };
      }),
  ],
  [
    'a packet listed twice',
    /is listed twice/,
    (books) =>
      otherBatch(books, (book) => {
        const [first] = book.claims;
        return first === undefined ? undefined : { ...book, claims: [...book.claims, first] };
      }),
  ],
  [
    'an audit with a difference',
    /audit: difference of \S+ is 1/,
    (books) => {
      const assets = books.audit.assets.map((row) => ({ ...row, difference: 1 }));
      return { ...books, audit: { ...books.audit, assets } };
    },
  ],
])('it notices %s', async (_, expected, alter) => {
  const problems = await withBooks(alter);
  expect(problems).not.toEqual([]);
  expect(problems.join('\n')).toMatch(expected);
});
