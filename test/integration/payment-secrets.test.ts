/**
 * Card numbers and codes go nowhere but to the bank and the sender of codes: not into any table, not into the queue, not
 * into logs, answers or metrics, whatever users send and whatever the bank answers. (E17)
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeAttemptsMax } from '../../engine/limits.ts';
import { startSandbox, type RunningSandbox } from '../contract/bank-support.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import { clientOf, startServer, type TestServer } from '../setup/server.ts';
import { until } from './payout-support.ts';
import { dumpOf, leaksOf } from './secrets-support.ts';

const number = '6222021234567890128';
const spaced = '6222 0212 3456 7890 128';
const dashed = '6222-0212-3456-7890-128';
const other = '4111111111111111';
const cardKey = Buffer.alloc(32, 9).toString('base64');
const token = 'token-of-the-bank-that-nobody-sees';

/** It puts the card into everything that it says. */
async function indiscreetBank(): Promise<Server> {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      const write = (status: number, body: object) => {
        response.writeHead(status, { 'content-type': 'application/json', 'x-card': number });
        response.end(JSON.stringify({ echo: text, ...body }));
      };
      if (request.method !== 'POST') return write(404, { code: `no order for ${spaced}` });
      const { id, asset, amount } = JSON.parse(text) as Record<string, unknown>;
      const at = new Date().toISOString();
      const paid = { id, asset, amount, at, paidAt: at, status: 'paid' };
      if (amount === 101) return write(422, { id, code: 'account_closed', detail: number });
      if (amount === 102) return write(400, { id, code: `bad card ${dashed}` });
      if (amount === 103) return write(500, { detail: spaced });
      return write(201, { ...paid, reference: `PAY-${dashed}-7\u0000` });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

let databases: Record<'redis' | 'postgres', TestDatabase>;
let redis: TestRedis;
let sandbox: RunningSandbox;
let bank: Server;
beforeAll(async () => {
  databases = { redis: await freshDatabase(), postgres: await freshDatabase() };
  [redis, sandbox, bank] = await Promise.all([startRedis(), startSandbox(), indiscreetBank()]);
});
afterAll(async () => {
  bank.closeAllConnections();
  bank.close();
  await Promise.all([sandbox.close(), redis.remove()]);
  for (const database of Object.values(databases)) await database.drop();
});

const start = (env: Readonly<Record<string, string>>) =>
  startServer({
    CARD_KEYS: `k1:${cardKey}`,
    BANK_URL: `http://127.0.0.1:${(bank.address() as AddressInfo).port}`,
    BANK_TOKEN: token,
    CODE_SENDER_URL: `${sandbox.url}/codes`,
    WITHDRAWAL_MIN: '1',
    THREADS: '1',
    LOG_LEVEL: 'trace',
    ...env,
  });

/** Everything that users can do, and what they should not. @returns all answers as text, and all codes */
async function live(
  { url }: TestServer,
  user: string,
  databaseUrl: string,
): Promise<{ told: string; codes: string[] }> {
  const client = await clientOf(url, user);
  const operator = await clientOf(url, 'olga', ['operator']);
  const answers: unknown[] = [];
  const codes: string[] = [];
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await client.call(method, path, body);
    answers.push(answer.status, answer.body, [...answer.headers]);
    return answer;
  };
  const put = (fields: object) =>
    call('PUT', '/v1/payment/registration', {
      holderName: 'Anna',
      cardNumber: number,
      bank: 'ICBC',
      ...fields,
    });
  await operator.post('/v1/operator/deposits', {
    userId: user,
    asset: 'CNY',
    amount: 9_000,
    reference: `till-${user}`,
  });

  // In fields, names of fields and forms where it does not belong.
  for (const fields of [
    { cardNumber: dashed },
    { cardNumber: Number(other) },
    { cardNumber: [number] },
    { cardNumber: `${number}1` },
    { bank: `ICBC ${number}` },
    { bank: `ICBC 7${number}7` },
    { holderName: spaced },
    { [number]: true },
    { [spaced]: { [dashed]: number } },
    { note: number },
  ]) {
    expect((await put(fields)).status).toBe(400);
  }
  expect((await call('GET', `/v1/withdrawals/${number}`)).status).toBe(404);
  expect((await call('GET', `/v1/withdrawals?cursor=${number}`)).status).toBe(400);
  const raw = async (body: string, type = 'application/json') => {
    const { token: bearer } = (await (
      await fetch(`${url}/v1/dev/tokens`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: user }),
      })
    ).json()) as { token: string };
    const response = await fetch(`${url}/v1/payment/registration`, {
      method: 'PUT',
      headers: { 'content-type': type, authorization: `Bearer ${bearer}` },
      body,
    });
    answers.push(await response.text());
    return response.status;
  };
  expect(await raw(`{"cardNumber": "${number}", "bank`)).toBe(400);
  expect(await raw(`{"cardNumber": ${number}x}`)).toBe(400);
  expect(await raw(`{"${number}": NaN}`)).toBe(400);
  expect(await raw(`cardNumber=${number}`, 'application/x-www-form-urlencoded')).toBe(415);
  expect(await raw(JSON.stringify({ cardNumber: number, pad: 'x'.repeat(2_000_000) }))).toBe(413);

  expect((await put({ cardNumber: other })).status).toBe(200);
  expect((await put({ cardNumber: spaced })).status).toBe(200);
  await call('GET', '/v1/payment/registration');

  /** Requested: the path of its verification, and its code. */
  const requested = async (amount: number) => {
    const { body, status } = await call('POST', '/v1/withdrawals', { asset: 'CNY', amount });
    expect(status).toBe(201);
    const id = String(body['id']);
    const { code } = await until(`a code for ${id}`, () =>
      sandbox.outbox.list(user).find((item) => item.id === id),
    );
    codes.push(code);
    return { id, code, path: `/v1/withdrawals/${id}/verification` };
  };
  const endOf = (id: string, wanted: RegExp) =>
    until(`${String(wanted)} of ${id}`, async () => {
      const { body } = await call('GET', `/v1/withdrawals/${id}`);
      return wanted.test(String(body['status'])) || undefined;
    });

  const rejected = await requested(99);
  for (let by = 1; by <= codeAttemptsMax; by += 1) {
    const wrong = String((Number(rejected.code) + by) % 1_000_000).padStart(6, '0');
    codes.push(wrong);
    expect((await call('POST', rejected.path, { code: wrong })).status).toBe(422);
  }
  const paid = await requested(100);
  for (const body of [
    { code: Number(paid.code) },
    { code: `${paid.code} ` },
    { code: [paid.code] },
    { [paid.code]: paid.code },
    { code: paid.code, [`code ${paid.code}`]: 1 },
  ]) {
    expect((await call('POST', paid.path, body)).status).toBe(400);
  }
  expect((await call('POST', paid.path, { code: paid.code })).status).toBe(200);
  const failed = await requested(101);
  await call('POST', failed.path, { code: failed.code });
  // Unclear to the bank and to us: they stay under way, with their cards.
  for (const amount of [102, 103]) {
    const stuck = await requested(amount);
    await call('POST', stuck.path, { code: stuck.code });
  }
  await requested(104);
  await endOf(paid.id, /^paid$/);
  await endOf(failed.id, /^failed$/);
  await call('GET', '/v1/withdrawals');
  await call('GET', '/v1/accounts/CNY/entries');

  // A database that refuses a row shows it to whoever it tells.
  const breaker = new Postgres({ connectionString: databaseUrl });
  await breaker.connect();
  await breaker.query(`ALTER TABLE registration ADD CONSTRAINT broken CHECK (bank <> 'Broken')`);
  expect((await put({ bank: 'Broken' })).status).toBe(500);
  await breaker.query('ALTER TABLE registration DROP CONSTRAINT broken');
  await breaker.end();

  answers.push(await fetch(`${url}/metrics`).then((response) => response.text()));
  answers.push(await fetch(`${url}/openapi.json`).then((response) => response.text()));
  return { told: JSON.stringify(answers), codes };
}

test.each(['redis', 'postgres'] as const)(
  'with the queue on %s',
  { timeout: 90_000 },
  async (queue) => {
    // Everything that Redis is told, also what it forgets again.
    const said: string[] = [];
    const listener = new Redis(redis.url);
    const monitor = await listener.monitor();
    monitor.on('monitor', (_time: string, args: string[]) => said.push(args.join(' ')));
    const { url } = databases[queue];
    const server = await start({
      DATABASE_URL: url,
      ...(queue === 'redis' ? { REDIS_URL: redis.url } : {}),
    });
    let places: Record<string, string>;
    let codes: string[];
    try {
      const lived = await live(server, `anna-${queue}`, url);
      ({ codes } = lived);
      places = { answers: lived.told, database: await dumpOf(url) };
    } finally {
      expect(await server.end('SIGTERM')).toBe(0);
      monitor.disconnect();
      listener.disconnect();
    }
    places = { ...places, redis: said.join('\n'), log: server.output() };
    // It was all there to be found: the withdrawals, the words about them, the complaint about the row.
    expect(places['database']).toContain('…0128');
    expect(places['database']).toMatch(/\(.*anna-/);
    if (queue === 'redis') expect(places['redis']).toMatch(/payout-[0-9a-f-]{36}/);
    expect(places['log']).toContain('violates check constraint');
    expect(codes).toHaveLength(11);
    for (const [place, text] of Object.entries(places)) {
      const numbers = { numbers: [number, other], words: [cardKey, token] };
      expect(leaksOf(text, { ...numbers, codes }), place).toEqual([]);
    }
  },
);

test('what is looked for would be found', () => {
  const secrets = { numbers: [number], codes: ['048213'], words: [token] };
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  for (const text of [
    `x${number}x`,
    spaced,
    dashed,
    'first digits: 6222.0212.3456',
    Buffer.from(`ab ${number}`).toString('hex'),
    base64(number),
    base64(`a${number}`),
    base64(`ab${number}`),
    '{"code":"048213"}',
    'code=048213',
    String.raw`\x${Buffer.from('048213').toString('hex')}`,
    `Bearer ${token}`,
  ]) {
    expect(leaksOf(text, secrets), text).not.toEqual([]);
  }
  expect(leaksOf('…0128 at 1763048213 for 0.048213 s, id 048213ab', secrets)).toEqual([]);
});
