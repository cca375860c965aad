/**
 * Restart (invariants 3, 4, 7): what was acknowledged before kill -9 is there afterwards, with the same amounts, and
 * who got no answer gets the one true answer on repeating. On both journals, with real processes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';
import {
  activeBatch,
  clientOf,
  clientWith,
  startServer,
  testSecret,
  type Client,
} from '../setup/server.ts';
import { SignJWT } from 'jose';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

function tokenOf(userId: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setAudience('hongbao')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(testSecret));
}

interface Told {
  readonly receiverId: string;
  readonly packetId: unknown;
  readonly amount: unknown;
}

async function environment(kind: 'embedded' | 'redis'): Promise<Record<string, string>> {
  if (kind === 'embedded') {
    const folder = await mkdtemp(join(tmpdir(), 'hongbao-restart-'));
    endings.push(() => rm(folder, { recursive: true, force: true }));
    return { DATA_DIR: folder };
  }
  const database = await freshDatabase();
  const redis = await startRedis();
  endings.push(
    () => database.drop(),
    () => redis.remove(),
  );
  return { DATABASE_URL: database.url, REDIS_URL: redis.url };
}

/** Claims by many receivers at once, until the server dies; tells what was acknowledged. */
async function claimUntilDeath(batchId: string, clients: ReadonlyMap<string, Client>) {
  const told: Told[] = [];
  let unanswered = 0;
  const waiting = [...clients];
  const one = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [receiverId, client] = next;
      try {
        const { status, body } = await client.post(`/v1/batches/${batchId}/claims?open=true`);
        if (status === 201)
          told.push({ receiverId, packetId: body['packetId'], amount: body['amount'] });
        else unanswered += 1;
      } catch {
        unanswered += 1;
      }
    }
  };
  const all = Promise.all(Array.from({ length: 50 }, one));
  return { told, all, unanswered: () => unanswered };
}

describe.each(['embedded', 'redis'] as const)('kill -9 with the %s journal', (kind) => {
  it('loses no acknowledged claim and doubles none', { timeout: 120_000 }, async () => {
    const env = await environment(kind);
    let server = await startServer(env);
    endings.push(() => server.end('SIGTERM'));

    const receivers = Array.from({ length: 3_000 }, (_, i) => `r${i}`);
    const sender = await clientOf(server.url, 'sender');
    const batchId = await activeBatch(
      server.url,
      sender,
      'sender',
      { mode: 'lucky', count: 2_500, total: 1_000_000 },
      receivers,
    );
    const tokens = new Map(
      await Promise.all(receivers.map(async (id) => [id, await tokenOf(id)] as const)),
    );
    const clients = new Map([...tokens].map(([id, token]) => [id, clientWith(server.url, token)]));

    const load = await claimUntilDeath(batchId, clients);
    while (load.told.length < 600) await new Promise((resolve) => setImmediate(resolve));
    await server.end('SIGKILL');
    await load.all;
    expect(load.told.length).toBeGreaterThanOrEqual(600);
    expect(load.unanswered()).toBeGreaterThan(0);

    server = await startServer({ ...env, PORT: new URL(server.url).port });
    // Everybody asks again: the acknowledged ones get what they were told, the others a true answer.
    const before = new Map(load.told.map((one) => [one.receiverId, one]));
    const after = new Map<string, unknown>();
    let refused = 0;
    for (let i = 0; i < receivers.length; i += 100) {
      await Promise.all(
        receivers.slice(i, i + 100).map(async (id) => {
          const client = clients.get(id);
          if (client === undefined) throw new Error('no client');
          const { status, body } = await client.post(`/v1/batches/${batchId}/claims?open=true`);
          const known = before.get(id);
          if (known !== undefined) {
            expect({ status, packetId: body['packetId'], amount: body['amount'] }).toEqual({
              status: 200,
              packetId: known.packetId,
              amount: known.amount,
            });
          }
          if (status === 410) refused += 1;
          else after.set(id, body['amount']);
        }),
      );
    }
    expect(after.size).toBe(2_500);
    expect(refused).toBe(500);
    const sum = [...after.values()].reduce<number>((total, amount) => total + Number(amount), 0);
    expect(sum).toBe(1_000_000);

    // The ledger says the same as the answers did.
    for (const id of receivers.filter((_, i) => i % 100 === 0)) {
      const { body } = await (clients.get(id) as Client).get('/v1/accounts');
      const items = body['items'] as { asset: string; balance: number }[];
      expect(items.find(({ asset }) => asset === 'CNY')?.balance ?? 0).toBe(after.get(id) ?? 0);
    }
    const operator = await clientOf(server.url, 'operator', ['operator']);
    const audit = await operator.get('/v1/operator/audit');
    expect(audit.body).toMatchObject({ ok: true });
    expect(audit.body['assets']).toMatchObject([
      { asset: 'CNY', issued: 1_000_000, difference: 0 },
    ]);
    expect(await server.end('SIGTERM')).toBe(0);
  });
});
