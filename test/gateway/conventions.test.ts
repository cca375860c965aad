import { describe, expect, test } from 'vitest';
import { problemKinds } from '../../gateway/problems.ts';
import { harness } from './harness.ts';

describe('problems', () => {
  test('carry all members of the contract', async () => {
    const { ask } = harness();
    const said = await ask('GET', '/v1/batches/1', { as: 'ann' });
    expect(said.json).toEqual({
      type: 'urn:problem:hongbao:batch_not_found',
      title: 'Batch not found',
      status: 404,
      detail: 'There is no batch with this id.',
      code: 'batch_not_found',
      requestId: said.headers.get('x-request-id'),
    });
  });

  test('codes are snake_case', () => {
    for (const code of Object.keys(problemKinds)) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  test('request ids: sane ones are taken, others replaced, all differ', async () => {
    const { ask } = harness();
    const id = async (given?: string) => {
      const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given };
      return (await ask('GET', '/livez', { headers })).headers.get('x-request-id');
    };
    expect(await id('trace-1.a:b')).toBe('trace-1.a:b');
    for (const bad of ['a"b', 'a b', 'x'.repeat(65), '']) expect(await id(bad)).not.toBe(bad);
    expect(await id()).not.toBe(await id());
  });

  test('our own errors leak nothing, and are logged with the request id', async () => {
    const { ask, world, logged } = harness();
    world.failure = new Error('password=hunter2 at postgres');
    const said = await ask('POST', '/v1/batches/100/claims', { as: 'ann' });
    expect([said.status, said.json.code]).toEqual([500, 'internal']);
    expect(said.text).not.toContain('hunter2');
    expect(logged).toMatchObject([
      { fields: { requestId: said.json.requestId, route: '/v1/batches/:id/claims' } },
    ]);
  });

  test.each(['ECONNREFUSED', '57P01', '40001', '08006', '53300'])(
    'a passing fault %s is unknown, not failed',
    async (code) => {
      const { ask, world } = harness();
      world.failure = Object.assign(new Error('gone'), { code });
      const body = { mode: 'lucky', count: 3, total: 500 };
      const said = await ask('POST', '/v1/batches', { as: 'ann', body });
      expect([said.status, said.json.code]).toEqual([503, 'unknown']);
      expect(said.headers.get('retry-after')).toBe('1');
    },
  );
  test.each(['22003', '23505', '08P01', 'ERR_ASSERTION'])('%s is ours', async (code) => {
    const { ask, world } = harness();
    world.failure = Object.assign(new Error('gone'), { code });
    const said = await ask('POST', '/v1/batches/100/claims', { as: 'ann' });
    expect(said.status).toBe(500);
  });
});

describe('paths and methods', () => {
  test.each([
    '/',
    '/v1',
    '/v1/batches/',
    '/v1/nothing',
    '/v1/batches/1/x',
    '/%2e%2e/etc',
    '/V1/accounts',
  ])('404 %s', async (path) => {
    const { ask } = harness();
    const said = await ask('GET', path, { as: 'ann' });
    expect([said.status, said.json.code]).toEqual([404, 'route_not_found']);
  });
  test.each([
    ['DELETE', '/v1/batches/1', 'GET, HEAD'],
    ['GET', '/v1/batches', 'POST'],
    ['HEAD', '/v1/batches', 'POST'],
    ['OPTIONS', '/v1/batches/1/claims', 'POST, GET, HEAD'],
    ['PATCH', '/livez', 'GET, HEAD'],
    ['PUT', '/v1/batches/1/open', 'POST'],
  ])('405 %s %s', async (method, path, allow) => {
    const { ask } = harness();
    const said = await ask(method, path, { as: 'ann' });
    expect(said.status).toBe(405);
    expect(said.headers.get('allow')?.split(', ').toSorted()).toEqual(allow.split(', ').toSorted());
    if (method !== 'HEAD') expect(said.json.code).toBe('method_not_allowed');
  });
  test('HEAD is GET without a body', async () => {
    const { app, token } = harness();
    const headers = { authorization: `Bearer ${await token('ann')}` };
    const response = await app.request('/v1/accounts', { method: 'HEAD', headers });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe('');
  });
  test('a client that goes away is no error', async () => {
    const { app, logged, token } = harness();
    const gone = new AbortController();
    const body = new ReadableStream({
      pull(controller) {
        gone.abort();
        controller.error(new Error('aborted'));
      },
    });
    const headers = {
      authorization: `Bearer ${await token('ann')}`,
      'content-type': 'application/json',
    };
    const init = { method: 'POST', headers, body, duplex: 'half', signal: gone.signal };
    const response = await app.request(
      new Request('http://localhost/v1/batches', init as RequestInit),
    );
    expect(response.status).toBe(499);
    expect(logged).toEqual([]);
  });
});
