/** The sandbox's pages show codes to the developer at this machine, and to no page of somebody else. (E17) */
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSandbox, type RunningSandbox } from '../contract/bank-support.ts';

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox.close());

/** fetch() would not let a test choose these headers. */
async function statusOf(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const sent = request(`${sandbox.url}${path}`, { method, headers });
  sent.end(method === 'POST' ? '{"kind":"refuse"}' : undefined);
  const [response] = (await once(sent, 'response')) as [{ statusCode?: number; resume(): void }];
  response.resume();
  return response.statusCode;
}

test.each([
  ['the developer', { host: 'localhost:8081' }, 200, 201],
  ['a program', { host: '127.0.0.1:8081' }, 200, 201],
  ['a link on our own page', { host: '[::1]:8081', 'sec-fetch-site': 'same-site' }, 200, 201],
  ['a page elsewhere', { host: 'localhost:8081', 'sec-fetch-site': 'cross-site' }, 403, 403],
  ['a name that leads here', { host: 'evil.example:8081' }, 403, 403],
  ['a name like ours', { host: 'localhost.evil.example' }, 403, 403],
])('%s', async (_, headers, outbox, faults) => {
  sandbox.faults.clear();
  expect(await statusOf('GET', '/outbox.json', headers)).toBe(outbox);
  expect(await statusOf('GET', '/outbox', headers)).toBe(outbox);
  expect(await statusOf('POST', '/faults', headers)).toBe(faults);
  expect(sandbox.faults.all).toHaveLength(faults === 201 ? 1 : 0);
});
