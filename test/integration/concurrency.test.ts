/** A thousand receivers at once on a hundred packets (E11–E14), and the bad input that must change nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import {
  activeBatch,
  clientOf,
  startServer,
  type Client,
  type TestServer,
} from '../setup/server.ts';

describe.each(['embedded', 'redis'] as const)(
  '1,000 parallel claims on 100 packets (%s journal)',
  (kind) => {
    let database: TestDatabase;
    let redis: TestRedis | undefined;
    let server: TestServer;
    let clients: Map<string, Client>;

    beforeAll(async () => {
      database = await freshDatabase();
      redis = kind === 'redis' ? await startRedis() : undefined;
      server = await startServer({
        DATABASE_URL: database.url,
        ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      });
      const ids = Array.from({ length: 1_000 }, (_, i) => `r${i}`);
      clients = new Map(
        await Promise.all(ids.map(async (id) => [id, await clientOf(server.url, id)] as const)),
      );
    });
    afterAll(async () => {
      expect(await server.end('SIGTERM')).toBe(0);
      await redis?.remove();
      await database.drop();
    });

    it.each(['lucky', 'fixed'] as const)('%s: exactly 100 winners, nobody twice', async (mode) => {
      const sender = await clientOf(server.url, `sender-${mode}`);
      const money = mode === 'lucky' ? { total: 12_345 } : { each: 77 };
      const receivers = [...clients.keys()];
      const id = await activeBatch(
        server.url,
        sender,
        `sender-${mode}`,
        { mode, count: 100, ...money },
        receivers,
      );

      // Everybody asks twice at once.
      const answers = await Promise.all(
        [...clients].flatMap(([receiverId, client]) =>
          [1, 2].map(async () => ({
            receiverId,
            ...(await client.post(`/v1/batches/${id}/claims?open=true`)),
          })),
        ),
      );
      const winners = answers.filter(({ status }) => status === 201);
      const repeats = answers.filter(({ status }) => status === 200);
      const losers = answers.filter(({ status }) => status === 410);
      expect([winners.length, repeats.length, losers.length]).toEqual([100, 100, 1_800]);
      expect(new Set(winners.map(({ receiverId }) => receiverId)).size).toBe(100);
      expect(new Set(winners.map(({ body }) => body['packetId'])).size).toBe(100);
      expect(losers.every(({ body }) => body['code'] === 'exhausted')).toBe(true);
      for (const { receiverId, body } of repeats) {
        const won = winners.find((winner) => winner.receiverId === receiverId);
        expect(body).toMatchObject({
          packetId: won?.body['packetId'],
          amount: won?.body['amount'],
          repeated: true,
        });
      }
      const total = mode === 'lucky' ? 12_345 : 7_700;
      expect(winners.reduce((sum, { body }) => sum + Number(body['amount']), 0)).toBe(total);

      // Read-your-writes: the page and every balance show at once what was answered.
      const page = await sender.get(`/v1/batches/${id}`);
      expect(page.body).toMatchObject({
        status: 'exhausted',
        claimed: 100,
        opened: 100,
        remaining: 0,
        openedAmount: total,
      });
      const list = await sender.get(`/v1/batches/${id}/claims?limit=200`);
      const items = list.body['items'] as { receiverId: string; amount: number; best?: boolean }[];
      expect(items.length).toBe(100);
      const largest = Math.max(...items.map(({ amount }) => amount));
      expect(items.filter(({ best }) => best === true)).toMatchObject([{ amount: largest }]);
      for (const { receiverId, amount } of items.slice(0, 20)) {
        const { body } = await (clients.get(receiverId) as Client).get('/v1/accounts');
        const [account] = body['items'] as { balance: number }[];
        expect(account?.balance).toBeGreaterThanOrEqual(amount);
      }
      const operator = await clientOf(server.url, 'operator', ['operator']);
      const audit = await operator.get('/v1/operator/audit');
      expect(audit.body).toMatchObject({ ok: true, assets: [{ asset: 'CNY', difference: 0 }] });
    });

    it('a batch that expires gives back what is unopened, once, while claims race it', async () => {
      const sender = await clientOf(server.url, 'sender-expiring');
      const id = await activeBatch(
        server.url,
        sender,
        'sender-expiring',
        { mode: 'lucky', count: 400, total: 40_000, expiresIn: 1 },
        [...clients.keys()],
      );
      const told = new Map<string, number>();
      const codes = new Set<unknown>();
      const until = Date.now() + 1_800;
      const waiting = [...clients];
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          for (
            let next = waiting.pop();
            next !== undefined && Date.now() < until;
            next = waiting.pop()
          ) {
            const [receiverId, client] = next;
            const { status, body } = await client.post(
              `/v1/batches/${id}/claims?open=${told.size % 2 === 0}`,
            );
            if (status === 201) told.set(receiverId, Number(body['amount'] ?? 0));
            else codes.add(body['code']);
            await new Promise((resolve) => setTimeout(resolve, 40));
          }
        }),
      );
      // The sweep ends it even if nobody asks any more.
      let page = await sender.get(`/v1/batches/${id}`);
      while (page.body['status'] !== 'expired') page = await sender.get(`/v1/batches/${id}`);
      const opened = [...told.values()].reduce((sum, amount) => sum + amount, 0);
      expect(codes.has('expired') || told.size === 0).toBe(true);
      expect(page.body).toMatchObject({ openedAmount: opened, refundedAmount: 40_000 - opened });
      const { body } = await sender.get('/v1/accounts');
      expect(body['items']).toMatchObject([{ asset: 'CNY', balance: 40_000 - opened, held: 0 }]);
      const [late] = [...clients.values()];
      const again = await late?.post(`/v1/batches/${id}/claims`);
      expect([200, 410]).toContain(again?.status);
    });
  },
);
