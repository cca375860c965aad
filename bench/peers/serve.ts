/**
 * HTTP of every peer: the same routes, bodies, tokens and answers as ours, on Hono. How a claim is decided and kept is
 * each peer's own.
 */
import { serve } from '@hono/node-server';
import { createVerifier } from 'fast-jwt';
import { Hono } from 'hono';
import { LRUCache } from 'lru-cache';

export interface Claimed {
  readonly packet: number;
  readonly amount: number;
  readonly at: number;
  readonly repeated: boolean;
}

export type Refusal = 'batch_not_found' | 'bad_key' | 'exhausted';

export interface Peer {
  /** An active batch, open to anyone with its key. */
  create(count: number, total: number): Promise<{ readonly id: string; readonly key: string }>;
  claim(batchId: string, receiverId: string, key: string): Promise<Claimed | Refusal>;
}

const statuses = { batch_not_found: 404, bad_key: 403, exhausted: 410 } as const;

/** As many verified tokens are remembered as in ours. */
const verified = new LRUCache<string, { readonly sub: string; readonly expiresMs: number }>({
  max: 100_000,
});
const verify = createVerifier({
  key: process.env['AUTH_SECRET'] ?? '',
  algorithms: ['HS256'],
  allowedAud: 'hongbao',
  requiredClaims: ['aud', 'exp', 'sub'],
  cache: false,
});

/** The token's user; undefined for a bad one. */
function userOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const known = verified.get(authorization);
  if (known !== undefined && known.expiresMs > Date.now()) return known.sub;
  try {
    const { sub, exp } = verify(authorization.slice('Bearer '.length)) as Record<string, unknown>;
    if (typeof sub !== 'string' || typeof exp !== 'number') return undefined;
    verified.set(authorization, { sub, expiresMs: exp * 1_000 });
    return sub;
  } catch {
    return undefined;
  }
}

function problem(status: number, code: string): Response {
  const text = JSON.stringify({ type: `urn:problem:peer:${code}`, title: code, status, code });
  return new Response(text, { status, headers: { 'content-type': 'application/problem+json' } });
}

/** Serves on a free port, which the parent process is told. */
export function servePeer(peer: Peer): void {
  const app = new Hono();
  app.post('/v1/batches', async (c) => {
    const { count, total } = await c.req.json<{ count: number; total: number }>();
    return c.json(await peer.create(count, total), 201);
  });
  app.post('/v1/batches/:id/claims', async (c) => {
    const receiverId = userOf(c.req.header('authorization'));
    if (receiverId === undefined) return problem(401, 'unauthenticated');
    const batchId = c.req.param('id');
    const { key } = await c.req.json<{ key?: unknown }>();
    if (typeof key !== 'string') return problem(400, 'invalid_request');
    const claimed = await peer.claim(batchId, receiverId, key);
    if (typeof claimed === 'string') return problem(statuses[claimed], claimed);
    const { packet, amount, at, repeated } = claimed;
    const time = new Date(at).toISOString();
    const answer = {
      batchId,
      packetId: `${batchId}-${packet}`,
      receiverId,
      status: 'opened',
      claimedAt: time,
      amount,
      asset: 'CNY',
      openedAt: time,
    };
    return repeated ? c.json({ ...answer, repeated }, 200) : c.json(answer, 201);
  });
  app.onError((error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    return problem(503, 'unknown');
  });
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
    process.send?.({ port });
  });
  // The benchmark is gone.
  process.on('disconnect', () => process.exit());
}

/** Amounts of `count` packets, each ≥ 1, each uniform up to twice the mean of what is left. */
export function splitLucky(count: number, total: number): number[] {
  let left = total;
  return Array.from({ length: count }, (_, i) => {
    const amount = drawLucky(count - i, left);
    left -= amount;
    return amount;
  });
}

export function drawLucky(packets: number, left: number): number {
  if (packets === 1) return left;
  const max = Math.min(Math.floor((2 * left) / packets) - 1, left - packets + 1);
  return 1 + Math.floor(Math.random() * Math.max(max, 1));
}
