import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PeerKind, startPeer } from '../../bench/http/peer.ts';
import type { Target } from '../../bench/http/target.ts';
import { signToken } from '../../bench/load/tokens.ts';
import { Cleanup } from '../../bench/support/cleanup.ts';
import { freshDatabase } from '../setup/database.ts';
import { freshRedis } from '../setup/redis.ts';
import { testSecret } from '../setup/server.ts';

// The benchmark compares with these: a peer that gives money twice, or loses it, would be no comparison.

const packets = 40;
const receivers = 60;

interface Given {
  readonly status: number;
  readonly body: { readonly packetId?: string; readonly amount?: number; readonly code?: string };
}

async function claim(url: string, id: string, key: string, receiver: string): Promise<Given> {
  const response = await fetch(`${url}/v1/batches/${id}/claims?open=true`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${signToken(testSecret, receiver)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ key }),
  });
  return { status: response.status, body: (await response.json()) as Given['body'] };
}

const cases: readonly { readonly kind: PeerKind; readonly autoPipelining?: boolean }[] = [
  { kind: 'redis-lua', autoPipelining: false },
  { kind: 'redis-lua', autoPipelining: true },
  { kind: 'pg-row-lock' },
  { kind: 'bullmq-per-claim' },
];

describe.each(cases)('$kind (auto-pipelining: $autoPipelining)', ({ kind, autoPipelining }) => {
  const cleanup = new Cleanup();
  let peer: Target;
  let databaseUrl = '';

  beforeAll(async () => {
    const database = await freshDatabase({ migrated: false });
    cleanup.add(() => database.drop());
    databaseUrl = database.url;
    const redis = await freshRedis();
    cleanup.add(() => redis.remove());
    peer = await startPeer(
      {
        kind,
        secret: testSecret,
        databaseUrl,
        postgresPid: 0,
        redis: { url: redis.url, pid: redis.pid ?? 0 },
        autoPipelining: autoPipelining ?? false,
      },
      cleanup,
    );
  });
  afterAll(() => cleanup.run());

  test('everybody at once, twice: each at most one packet, all money given, the books agree', async () => {
    const [batch] = await peer.makeBatches(1, packets);
    const { id, key } = batch!;
    const names = Array.from({ length: receivers }, (_, i) => `receiver-${i}`);
    const answers = await Promise.all(
      [...names, ...names].map(async (name) => ({
        name,
        ...(await claim(peer.url, id, key, name)),
      })),
    );
    const opened = answers.filter(({ status }) => status === 201);
    expect(opened).toHaveLength(packets);
    expect(new Set(opened.map(({ name }) => name)).size).toBe(packets);
    expect(new Set(opened.map(({ body }) => body.packetId)).size).toBe(packets);
    expect(opened.reduce((sum, { body }) => sum + (body.amount ?? 0), 0)).toBe(packets * 100);
    expect(Math.min(...opened.map(({ body }) => body.amount ?? 0))).toBeGreaterThanOrEqual(1);

    // Who asked twice was told the same packet, or that nothing is left.
    const won = new Map(opened.map(({ name, body }) => [name, body.packetId]));
    for (const { name, status, body } of answers) {
      if (status === 201) continue;
      if (status === 200) expect(body.packetId).toBe(won.get(name));
      else expect({ status, code: body.code, won: won.has(name) }).toEqual(refused);
    }
    expect(await peer.books?.check()).toEqual([]);
    expect(await peer.books?.claims()).toBe(packets);
  });

  test('a lost ledger row is noticed', async () => {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query('DELETE FROM entry WHERE id = (SELECT max(id) FROM entry)');
    await client.end();
    expect(await peer.books?.check()).toContain('entries do not sum to zero');
  });

  test('a wrong key, an unknown batch and a bad token are refused', async () => {
    const [batch] = await peer.makeBatches(1, 2);
    const { id, key } = batch!;
    expect((await claim(peer.url, id, 'wrong', 'anna')).status).toBe(403);
    expect((await claim(peer.url, '999999', key, 'anna')).status).toBe(404);
    const response = await fetch(`${peer.url}/v1/batches/${id}/claims`, { method: 'POST' });
    expect(response.status).toBe(401);
  });
});

const refused = { status: 410, code: 'exhausted', won: false };
