/** The bank's adapter against a bank that misbehaves: whatever is unclear is `unknown`, never `failed`. (E17 ¶213) */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { malformedVariants } from '../../engine/bank/faults.ts';
import { httpBank } from '../../engine/bank/http-bank.ts';
import { type OutsideMeter, silentMeter } from '../../engine/bank/meter.ts';
import { circuitFailuresMax, circuitOpenMsMin, outsideAttemptsMax } from '../../engine/limits.ts';
import { BankUnavailable } from '../../engine/ports/bank.ts';
import { orderOf } from '../contract/bank.contract.ts';
import { httpBankUnderTest, patienceMs, startSandbox } from '../contract/bank-support.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A bank of the test's own. */
async function bankThat(listener: RequestListener, meter: OutsideMeter = silentMeter) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return httpBank({ url: `http://127.0.0.1:${port}`, token: 't' }, meter, patienceMs);
}

const answering = (status: number, body: unknown, contentType = 'application/json') =>
  bankThat((_, response) => {
    response.writeHead(status, { 'content-type': contentType });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

const paid = {
  id: 'w-1',
  asset: 'CNY',
  amount: 500,
  status: 'paid',
  reference: 'R1',
  at: '2026-11-21T08:00:00Z',
  paidAt: '2026-11-21T08:00:01+00:00',
};

describe('an order', () => {
  it.each(malformedVariants)('answered with nonsense (%s) is unknown', async (variant) => {
    const { bank, books, faults, close } = await httpBankUnderTest();
    try {
      faults.add({ kind: 'malformed', variant, times: 1 });
      expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
      expect(books.records).toHaveLength(1);
      expect(await bank.query('w-1')).toMatchObject({ code: 'paid' });
    } finally {
      await close();
    }
  });

  it.each(malformedVariants)(
    'asked about and answered with nonsense (%s) is unknown',
    async (variant) => {
      const { bank, faults, close } = await httpBankUnderTest();
      try {
        await bank.payout(orderOf('w-1'));
        faults.add({ kind: 'malformed', variant, on: 'query' });
        expect(await bank.query('w-1', orderOf('w-1'))).toMatchObject({ code: 'unknown' });
        // Who does not know the terms is told what the bank has under the id.
        const code = variant === 'other_amount' ? 'paid' : 'unknown';
        expect(await bank.query('w-1')).toMatchObject({ code });
      } finally {
        await close();
      }
    },
  );

  it('answered twice on one connection takes the first, and the next call is not mixed up', async () => {
    const { bank, faults, close } = await httpBankUnderTest();
    try {
      faults.add({ kind: 'twice' });
      const [one, two] = [await bank.payout(orderOf('w-1')), await bank.payout(orderOf('w-2'))];
      for (const [id, state] of [
        ['w-1', one],
        ['w-2', two],
      ] as const) {
        if (state.code !== 'unknown') expect(state).toMatchObject({ reference: `SB-${id}` });
        expect(await bank.query(id)).toMatchObject({ code: 'paid', reference: `SB-${id}` });
      }
    } finally {
      await close();
    }
  });

  it('answered in time, but slowly, is understood; later it is unknown', async () => {
    const { bank, faults, close } = await httpBankUnderTest();
    try {
      faults.add({ kind: 'slow', id: 'w-1', delayMs: 60 });
      faults.add({ kind: 'slow', id: 'w-2', delayMs: patienceMs * 2 });
      expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
      expect(await bank.payout(orderOf('w-2'))).toEqual({ code: 'unknown', reason: 'silent' });
    } finally {
      await close();
    }
  });

  it.each([
    ['a refusal that is documented', 422, { id: 'w-1', code: 'account_closed' }, 'failed'],
    ['one that is not', 422, { id: 'w-1', code: 'no_mood' }, 'unknown'],
    ['one of another order', 422, { id: 'w-2', code: 'account_closed' }, 'unknown'],
    ['one with another status', 400, { id: 'w-1', code: 'account_closed' }, 'unknown'],
    ['no token', 401, { code: 'unauthorized' }, 'unknown'],
    ['no such page', 404, { id: 'w-1', code: 'payout_not_found' }, 'unknown'],
    ['too many requests', 429, { id: 'w-1', code: 'account_closed' }, 'unknown'],
    ['away', 503, { id: 'w-1', code: 'account_closed' }, 'unknown'],
    ['paid', 201, paid, 'paid'],
    ['a further field', 200, { ...paid, fee: 3 }, 'paid'],
    ['paid without a reference', 201, { ...paid, reference: '' }, 'unknown'],
    ['an amount as text', 201, { ...paid, amount: '500' }, 'unknown'],
    ['another asset', 201, { ...paid, asset: 'USD' }, 'unknown'],
    ['a time that is none', 201, { ...paid, paidAt: 'yesterday' }, 'unknown'],
    ['nothing', 204, '', 'unknown'],
    ['a list', 200, [paid], 'unknown'],
    ['a reason of its own', 200, { ...paid, status: 'failed', reason: 'tired' }, 'unknown'],
  ] as const)('%s', async (_, status, body, code) => {
    const bank = await answering(status, body);
    expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code });
  });

  it('is not understood as another type of text, nor as damaged UTF-8', async () => {
    const html = await answering(200, JSON.stringify(paid), 'text/html');
    expect(await html.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'not_json' });
    const damaged = await bankThat((_, response) => {
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    });
    expect(await damaged.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'not_json' });
  });

  it('carries its id as the key, the token, and everything the bank needs', async () => {
    const seen: unknown[] = [];
    const bank = await bankThat((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const { authorization, 'idempotency-key': key } = request.headers;
        seen.push([request.method, request.url, authorization, key, JSON.parse(text)]);
        response.end();
      });
    });
    await bank.payout(orderOf('w-1'));
    expect(seen).toEqual([['POST', '/payouts', 'Bearer t', 'w-1', orderOf('w-1')]]);
  });

  it('is sent once by each call, a question is repeated', async () => {
    const counts = new Map<string, number>();
    const bank = await bankThat((request, response) => {
      const method = request.method ?? '';
      counts.set(method, (counts.get(method) ?? 0) + 1);
      response.writeHead(500).end();
    });
    expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'status_500' });
    expect(await bank.query('w-1')).toEqual({ code: 'unknown', reason: 'status_500' });
    expect([...counts]).toEqual([
      ['POST', 1],
      ['GET', outsideAttemptsMax],
    ]);
  });

  it('never follows a redirect with a card in its hands', async () => {
    const elsewhere: string[] = [];
    const bank = await bankThat((request, response) => {
      if (request.url !== '/payouts') elsewhere.push(request.url ?? '');
      response.writeHead(308, { location: '/elsewhere' }).end();
    });
    expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'status_308' });
    expect(elsewhere).toEqual([]);
  });

  it('is unknown when nobody listens or the connection breaks', async () => {
    const nobody = httpBank({ url: 'http://127.0.0.1:1', token: undefined }, silentMeter, 500);
    expect(await nobody.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'unreachable' });
    const broken = await bankThat((request) => request.socket.destroy());
    expect(await broken.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'unreachable' });
  });
});

it('orders that the bank does not understand hold nobody else back', async () => {
  const bank = await bankThat((request, response) => {
    const isPoison = request.headers['idempotency-key'] !== 'w-1';
    response.writeHead(isPoison ? 400 : 201, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isPoison ? { code: 'bad_request' } : paid));
  });
  for (let i = 0; i <= circuitFailuresMax; i += 1) {
    const said = await bank.payout(orderOf('poison'));
    expect(said).toEqual({ code: 'unknown', reason: 'status_400' });
  }
  expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
});

it('a list that does not work holds no payout back', async () => {
  const bank = await bankThat((request, response) => {
    const isOrder = request.method === 'POST';
    response.writeHead(isOrder ? 201 : 500, { 'content-type': 'application/json' });
    response.end(isOrder ? JSON.stringify(paid) : '');
  });
  for (let i = 0; i * outsideAttemptsMax <= circuitFailuresMax; i += 1) {
    await expect(bank.list(0, 1)[Symbol.asyncIterator]().next()).rejects.toThrow(BankUnavailable);
  }
  expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
});

it('a bank that lets nobody in is left alone', async () => {
  const bank = await answering(401, { code: 'unauthorized' });
  for (let i = 0; i < circuitFailuresMax; i += 1) await bank.payout(orderOf('w-1'));
  expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'circuit_open' });
});

it('a bank that is down is left alone, and asked again after a while', async () => {
  let calls = 0;
  let isDown = true;
  const circuits: boolean[] = [];
  const circuit: OutsideMeter['circuit'] = (target, isOpen) => {
    if (target === 'bank') circuits.push(isOpen);
  };
  const meter: OutsideMeter = { called() {}, circuit };
  const bank = await bankThat((_, response) => {
    calls += 1;
    response.writeHead(isDown ? 500 : 201, { 'content-type': 'application/json' });
    response.end(isDown ? '' : JSON.stringify(paid));
  }, meter);
  for (let i = 0; i < circuitFailuresMax; i += 1) await bank.payout(orderOf('w-1'));
  expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'unknown', reason: 'circuit_open' });
  expect(calls).toBe(circuitFailuresMax);
  isDown = false;
  await new Promise((resolve) => setTimeout(resolve, circuitOpenMsMin * 2));
  expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
  expect([circuits[0], circuits[1], circuits.at(-1)]).toEqual([false, true, false]);
});

describe('the list', () => {
  const consume = async (bank: ReturnType<typeof httpBank>) => {
    const listed = [];
    for await (const record of bank.list(0, 1)) listed.push(record);
    return listed.length;
  };
  it.each([
    ['an error', 500, {}],
    ['a wrong item', 200, { items: [{ ...paid, amount: -1 }] }],
    ['no items', 200, {}],
    ['a list that begins again', 200, { items: [], next: 'x' }],
  ])('that cannot be read to its end is no list: %s', async (_, status, body) => {
    await expect(consume(await answering(status, body))).rejects.toThrow(/the bank's list/);
  });
});

it('the sandbox asks for its token', async () => {
  const sandbox = await startSandbox(undefined, 'secret');
  try {
    const withToken = (token: string | undefined) =>
      httpBank({ url: `${sandbox.url}/bank`, token }, silentMeter, patienceMs);
    expect(await withToken('wrong').payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
    expect(await withToken(undefined).payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
    expect(await withToken('secret').payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
  } finally {
    await sandbox.close();
  }
});
