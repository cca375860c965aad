/**
 * Every route that names an object, asked by somebody who has nothing to do with it: 403 or 404, and nothing changed. The
 * routes come from the OpenAPI document, so a new one fails here until it has a sample.
 */
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { postgresBooks } from '../../engine/books/postgres.ts';
import { postgresPayments } from '../../engine/payment/postgres.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import { postgresTradeGroups } from '../../engine/trade/postgres.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import { postgresIntake } from '../../engine/trade-intake/postgres.ts';
import { page } from '../../gateway/answer.ts';
import { createApp } from '../../gateway/app.ts';
import { openApiDocument } from '../../gateway/openapi.ts';
import { problem } from '../../gateway/problems.ts';
import { route, type Route } from '../../gateway/route.ts';
import { harness } from '../gateway/harness.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startServer, type TestServer } from '../setup/server.ts';
import { cardKey, makeObjects, mall } from './wrong-user-objects.ts';
import { samplesOf, withoutToken } from './wrong-user-samples.ts';
import { callerOf, findings, unproven, type Target } from './wrong-user-support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

describe('the server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({
      DATABASE_URL: database.url,
      THREADS: '1',
      CARD_KEYS: `${cardKey.id}:${Buffer.from(cardKey.key).toString('base64')}`,
      TRADE_PLATFORMS: JSON.stringify([mall]),
    });
  });
  afterAll(() => server.end('SIGTERM'));

  test('refuses the wrong user everywhere, and nothing changes', { timeout: 60_000 }, async () => {
    const target: Target = {
      routes: harness().routes,
      databaseUrl: database.url,
      fetch: (path, init) => fetch(`${server.url}${path}`, init),
    };
    const call = callerOf(target);
    const samples = samplesOf(await makeObjects(call, Date.now()));
    expect(await findings(target, call, samples, withoutToken)).toEqual([]);
    // The same requests of the right users: it was the user that was refused, not the request.
    expect(await unproven(call, samples)).toEqual([]);
  });
});

describe('a route without protection is found', () => {
  const id = z.string();
  const summary = 'made for this test';
  const common = { tag: 'Rogue', summary, params: { id }, problems: ['group_not_found'] } as const;
  const answers = { 200: { description: 'Told.' } };

  /** Each lacks one thing. */
  const rogues = (pool: Pool): Route[] => [
    route({
      ...common,
      method: 'GET',
      path: '/v1/messages/:id',
      auth: 'user',
      answers,
      async handle({ requestId, path }) {
        const [conversation, no] = path.id.split('-');
        const { rows } = await pool.query(
          'SELECT text FROM message WHERE conversation = $1 AND no = $2',
          [conversation, no],
        );
        return page(requestId, rows[0] ?? {});
      },
    }),
    route({
      ...common,
      method: 'DELETE',
      path: '/v1/groups/:id',
      auth: 'user',
      answers,
      async handle({ requestId, path }) {
        // It looks at the rights when it is too late.
        await pool.query(`UPDATE conversation SET name = name || '!' WHERE id = $1`, [path.id]);
        return problem(requestId, 'group_not_found');
      },
    }),
    route({
      ...common,
      method: 'GET',
      path: '/v1/groups/:id/names',
      auth: 'none',
      answers,
      handle: ({ requestId }) => problem(requestId, 'group_not_found'),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/v1/groups/:id/forgotten',
      auth: 'user',
      answers,
      handle: ({ requestId }) => problem(requestId, 'group_not_found'),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/v1/operator/users/:id',
      auth: 'user',
      answers,
      handle: ({ requestId }) => problem(requestId, 'group_not_found'),
    }),
  ];

  test('in a copy of the table', { timeout: 60_000 }, async () => {
    const own = await freshDatabase();
    const social = await postgresSocial({ url: own.url });
    const books = await postgresBooks({ url: own.url, poolMax: 2 });
    const payments = await postgresPayments({
      url: own.url,
      cardKeys: [cardKey],
      payments: { became() {}, codeSent() {} },
    });
    const publicUrl = 'https://packets.example';
    const platforms = tradePlatforms([mall], { publicUrl, now: Date.now });
    const tradeGroups = await postgresTradeGroups({
      url: own.url,
      platforms,
      cardKeys: undefined,
    });
    const tradeIntake = await postgresIntake({ url: own.url, platforms: [mall], publicUrl });
    const pool = new Pool({ connectionString: own.url, max: 2 });
    try {
      // The money of the doubles lies elsewhere.
      const credit = { userId: 'sam', asset: 'CNY', amount: 10_000, reference: 'till' };
      await books.once('operator', 'deposit', undefined, async (tx) => {
        await books.deposit(tx, credit);
        return { status: 201, body: null, keep: true };
      });
      const doubles = { payments, tradeGroups, tradeIntake, platforms };
      const { deps, routes } = harness({}, social, doubles);
      const added = rogues(pool);
      const table = [
        ...routes.filter(({ path }) => path !== '/openapi.json'),
        ...added,
        route({
          method: 'GET',
          path: '/openapi.json',
          tag: 'Service',
          summary,
          auth: 'none',
          answers,
          problems: [],
          handle: ({ requestId }) => page(requestId, openApiDocument(table, 'http://x.example')),
        }),
      ] as Route[];
      const app = createApp(deps, table);
      const target: Target = {
        routes: table,
        databaseUrl: own.url,
        fetch: async (path, init) => app.request(path, init),
      };
      const call = callerOf(target);
      const objects = await makeObjects(call, deps.clock.now());
      const samples = samplesOf(objects);
      expect(
        await findings(
          target,
          call,
          {
            ...samples,
            getV1MessagesId: [{ path: { id: objects.groupMessage }, entitled: 'cat' }],
            deleteV1GroupsId: [{ path: { id: objects.group }, entitled: 'sam' }],
            getV1GroupsIdNames: [{ path: { id: objects.group }, entitled: 'sam' }],
            getV1OperatorUsersId: [{ path: { id: 'sam' }, entitled: 'operator' }],
            getV1Gone: [],
          },
          withoutToken,
        ),
      ).toEqual([
        'getV1Gone: is no operation any more',
        'deleteV1GroupsId: mallory changes public.conversation',
        'getV1MessagesId: answers mallory with 200',
        'getV1GroupsIdNames: asks for no token',
        'getV1GroupsIdForgotten: has no sample',
        'getV1OperatorUsersId: scope and path differ',
      ]);
    } finally {
      const opened = [social, books, payments, tradeGroups, tradeIntake];
      await Promise.all(opened.map((port) => port.close()));
      await pool.end();
      await own.drop();
    }
  });

  test('a sample that nobody could use proves nothing', async () => {
    const { app, routes } = harness();
    const fetchApp: Target['fetch'] = async (path, init) => app.request(path, init);
    const call = callerOf({ routes, databaseUrl: '', fetch: fetchApp });
    const samples = { getV1BatchesId: [{ path: { id: '424242' }, entitled: 'sam' }] };
    expect(await unproven(call, samples)).toEqual(['getV1BatchesId: sam gets 404 batch_not_found']);
  });
});
