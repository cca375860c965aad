import { describe, expect, test } from 'vitest';
import { fieldsOf, harness, type Ask } from './harness.ts';

const lucky = { mode: 'lucky', count: 3, total: 500 };
const fixed = { mode: 'fixed', count: 3, each: 5 };

/** Body as it is written, so that JSON.stringify cannot repair it. */
const lucky3 = (total: string): string => `{"mode":"lucky","count":3,"total":${total}}`;

async function refused(given: Ask, fields: readonly string[], code = 'invalid_request') {
  const { ask, world } = harness();
  const said = await ask('POST', '/v1/batches', { as: 'ann', ...given });
  expect([said.status, said.json.code]).toEqual([400, code]);
  expect(fieldsOf(said)).toEqual(fields);
  expect(world.recorded).toEqual([]);
}

describe('amounts', () => {
  test.each([
    '0',
    '-1',
    '-0',
    '0.1',
    '1e21',
    '"5"',
    '9007199254740992',
    'null',
    'true',
    '[5]',
    '{}',
  ])('total %s', (total) => refused({ raw: lucky3(total) }, ['total']));
  // Integers to JSON.parse, floats on the wire.
  test.each(['500.0', '5e2', '9007199254740990.7'])('total %s', (total) =>
    refused({ raw: lucky3(total) }, ['total']),
  );
  test.each(['NaN', 'Infinity', '-Infinity', 'undefined'])('total %s is no JSON', (total) =>
    refused({ raw: lucky3(total) }, ['total'], 'invalid_json'),
  );
  test('a float in another field does not spoil the rest', async () => {
    const { ask } = harness();
    const body = { ...lucky, greeting: '1.5 e2' };
    const said = await ask('POST', '/v1/batches', { as: 'ann', body });
    expect([said.status, said.json.total]).toEqual([201, 500]);
  });
  test('each × count overflows', () =>
    refused({ body: { mode: 'fixed', count: 3, each: 2 ** 52 } }, ['each']));
  test('each × count at the largest', async () => {
    const { ask } = harness({ shareThreshold: undefined });
    const body = { mode: 'fixed', count: 3, each: Math.floor(Number.MAX_SAFE_INTEGER / 3) };
    expect((await ask('POST', '/v1/batches', { as: 'ann', body })).status).toBe(201);
  });
  test('total below count', () => refused({ body: { ...lucky, total: 2 } }, ['total']));
});

describe('other fields', () => {
  test.each([0, 1, -1, 2.5, 2 ** 31, 1_000_001, '3', null])('count %s', (count) =>
    refused({ body: { ...lucky, count } }, ['count']),
  );
  test.each(['', '1CNY', 'CN Y', 'x'.repeat(33), 'CNY\n', 'C\u0000', 7])('asset %j', (asset) =>
    refused({ body: { ...lucky, asset } }, ['asset']),
  );
  test.each([0, -1, 0.5, 2_592_001, '60'])('expiresIn %s', (expiresIn) =>
    refused({ body: { ...lucky, expiresIn } }, ['expiresIn']),
  );
  test.each([
    ['NUL', 'a\u0000b'],
    ['line break', 'a\nb'],
    ['tab', 'a\tb'],
    ['escape', '\u001B[2J'],
    ['delete', '\u007F'],
    ['C1', 'a\u0085b'],
    ['line separator', 'a\u2028b'],
    ['bidi override', 'pay \u202E001'],
    ['bidi isolate', '\u2066x\u2069'],
    ['lone surrogate', 'a\uD83D'],
    ['lone low surrogate', '\uDE00a'],
    ['too long', '福'.repeat(201)],
    ['no string', 5],
  ])('greeting with %s', (_name, greeting) =>
    refused({ body: { ...lucky, greeting } }, ['greeting']),
  );
  test.each(['', '福'.repeat(200), '🧧'.repeat(200), '👩‍👩‍👧', 'שלום\u200F!', '<b>\'"&--'])(
    'greeting %j is kept as sent',
    async (greeting) => {
      const { ask, world } = harness();
      const said = await ask('POST', '/v1/batches', { as: 'ann', body: { ...lucky, greeting } });
      expect([said.status, said.json.greeting]).toEqual([201, greeting]);
      expect(world.batches.get('100')?.greeting).toBe(greeting);
    },
  );
  test.each([
    ['mode missing', { count: 3, total: 5 }, ['mode']],
    [
      'mode unknown, and the rest too',
      { mode: 'x', count: 1, total: 0, y: 1 },
      ['count', 'mode', 'total', 'y'],
    ],
    ['total with fixed', { ...fixed, total: 15 }, ['total']],
    ['each with lucky', { ...lucky, each: 5 }, ['each']],
    ['nothing', {}, ['count', 'mode']],
    ['oncePerReceiver', { ...lucky, oncePerReceiver: 'yes' }, ['oncePerReceiver']],
  ])('%s', (_name, body, fields) => refused({ body }, fields));
});

describe('shape', () => {
  test('every unknown field is named, prototypes too', () =>
    refused(
      {
        raw: '{"mode":"lucky","count":3,"total":500,"__proto__":{"total":1},"constructor":1,"toString":2,"x":3}',
      },
      ['__proto__', 'constructor', 'toString', 'x'],
    ));
  test('prototype keys name the missing fields as well', () =>
    refused({ raw: '{"__proto__":{"mode":"lucky","count":3,"total":500}}' }, [
      '__proto__',
      'count',
      'mode',
    ]));
  test.each(['null', '[]', '5', '"x"', '[{"mode":"lucky"}]'])('%s is no object', (raw) =>
    refused({ raw }, ['body']),
  );
  test.each(['{', '{"a":1,}', "{'a':1}", '{"a":1}{}', ' ', '[[[', 'mode=lucky', '\u0000'])(
    'broken JSON %j',
    (raw) => refused({ raw }, [], 'invalid_json'),
  );
  test('a body that is not UTF-8', () =>
    refused({ raw: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]) }, [], 'invalid_json'));
  test('deep nesting, with floats for the slow parser', () =>
    refused(
      { raw: `{"a":1.5,"b":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
      [],
      'invalid_json',
    ));
  test('an empty body names what is missing', () => refused({}, ['count', 'mode']));
  test('thousands of unknown fields', async () => {
    const { ask } = harness();
    const body = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`f${n}`, n]));
    const said = await ask('POST', '/v1/batches', { as: 'ann', body });
    expect(said.status).toBe(400);
    expect(said.json.errors).toHaveLength(101);
  });

  test('1 MB and more', async () => {
    const { ask, world } = harness();
    const raw = `{"mode":"lucky","count":3,"total":500,"greeting":"${'x'.repeat(1_000_000)}"}`;
    const said = await ask('POST', '/v1/batches', { as: 'ann', raw });
    expect([said.status, said.json.code]).toEqual([413, 'body_too_large']);
    const claim = await ask('POST', '/v1/batches/100/claims', { as: 'ann', raw });
    expect(claim.status).toBe(413);
    expect(world.claims).toEqual([]);
    expect(world.recorded).toEqual([]);
  });

  test('an endless body without a length', async () => {
    const { ask } = harness();
    let sent = 0;
    const raw = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const said = await ask('POST', '/v1/batches', { as: 'ann', raw });
    expect(said.status).toBe(413);
    expect(sent).toBeLessThan(2_000_000);
  });

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonx', 415],
    ['application/json; charset=gbk', 415],
    ['application/json; charset=utf-8', 201],
    ['Application/JSON;charset="UTF-8"', 201],
  ])('content type %s', async (contentType, status) => {
    const { ask } = harness();
    const said = await ask('POST', '/v1/batches', { as: 'ann', body: lucky, contentType });
    expect(said.status).toBe(status);
    if (status === 415) expect(said.json.code).toBe('unsupported_media_type');
  });
  test('a compressed body', async () => {
    const { ask } = harness();
    const headers = { 'content-encoding': 'gzip' };
    const said = await ask('POST', '/v1/batches', { as: 'ann', body: lucky, headers });
    expect(said.status).toBe(415);
  });
});

describe('path, query and header', () => {
  test.each(['0', '01', '-1', '1e3', 'abc', '9'.repeat(19), '9'.repeat(40), '%00', '%F0', "1'--"])(
    'batch id %s does not exist',
    async (id) => {
      const { ask, world } = harness();
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/claims'],
        ['GET', '/qr.svg'],
        ['POST', '/confirm'],
        ['POST', '/claims'],
        ['POST', '/open'],
        ['POST', '/audience'],
      ] as const) {
        const said = await ask(method, `/v1/batches/${id}${path}`, { as: 'ann' });
        expect([path, said.status, said.json.code]).toEqual([path, 404, 'batch_not_found']);
      }
      expect(world.claims).toEqual([]);
    },
  );

  test('everything wrong is named at once', async () => {
    const { ask, world } = harness();
    const said = await ask('POST', '/v1/batches/100/claims?open=1', {
      as: 'ann',
      body: { key: 5, x: 1 },
      headers: { 'idempotency-key': 'has a space' },
    });
    expect(said.status).toBe(400);
    expect(fieldsOf(said)).toEqual(['Idempotency-Key', 'key', 'open', 'x']);
    expect(world.claims).toEqual([]);
  });

  test.each([
    ['/v1/accounts/1CNY/entries?limit=0', ['asset', 'limit']],
    ['/v1/accounts/CNY/entries?limit=201', ['limit']],
    ['/v1/accounts/CNY/entries?limit=1e2&cursor=%0A', ['cursor', 'limit']],
    ['/v1/me/sent?cursor=a&cursor=b', ['cursor']],
    ['/v1/me/received?after=', ['after']],
    [`/v1/accounts?after=${'x'.repeat(200)}`, ['after']],
  ])('%s', async (path, fields) => {
    const { ask } = harness();
    const said = await ask('GET', path, { as: 'ann' });
    expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
  });

  test.each(['', 'x'.repeat(129), 'ключ', 'a b'].map((key) => [key]))(
    'Idempotency-Key %j',
    async (key) => {
      const { ask, world } = harness();
      const headers = { 'idempotency-key': Buffer.from(key).toString('latin1') };
      const said = await ask('POST', '/v1/batches', { as: 'ann', body: lucky, headers });
      expect([said.status, fieldsOf(said)]).toEqual([400, ['Idempotency-Key']]);
      expect(world.recorded).toEqual([]);
    },
  );
});

describe("another user's batch", () => {
  test.each([
    ['GET', '', undefined, 'forbidden'],
    ['GET', '/claims', undefined, 'forbidden'],
    ['GET', '/qr.svg', undefined, 'not_sender'],
    ['GET', '/qr.png', undefined, 'not_sender'],
    ['POST', '/confirm', undefined, 'not_sender'],
    ['POST', '/audience', { channel: 'qr', anyone: true }, 'not_sender'],
    ['POST', '/claims', undefined, 'not_in_audience'],
    ['POST', '/claims', { key: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'not_in_audience'],
  ])('%s …%s', async (method, path, body, code) => {
    const { ask, activeBatch, world } = harness();
    const { id } = await activeBatch('ann', ['bob']);
    const before = world.recorded.length;
    const said = await ask(method, `/v1/batches/${id}${path}`, { as: 'eve', body });
    expect([said.status, said.json.code]).toEqual([403, code]);
    expect(world.recorded).toHaveLength(before);
  });
  test("POST …/open finds no packet of the caller's", async () => {
    const { ask, activeBatch, world } = harness();
    const { id } = await activeBatch('ann', ['bob']);
    await ask('POST', `/v1/batches/${id}/claims`, { as: 'bob' });
    const before = world.recorded.length;
    const body = { packetId: `${id}-1` };
    const said = await ask('POST', `/v1/batches/${id}/open`, { as: 'eve', body });
    expect([said.status, said.json.code]).toEqual([409, 'not_claimed']);
    expect(world.recorded).toHaveLength(before);
  });
});
