/**
 * Peer: the usual Redis script. One hash per batch says who has claimed, one list holds the amounts, split ahead; what
 * was given is appended to a list of records in the same script, and `redis-lua-drain.ts` moves those into PostgreSQL.
 * The answer leaves when Redis has written the script's effects to disk (`appendfsync always`).
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { insertBatch, prepareLedger } from './ledger.ts';
import { type Claimed, type Refusal, servePeer, splitLucky } from './serve.ts';

/** Answers "packet:amount:at", with a "+" before a new one; nil when no packet is left. */
const script = `
  local given = redis.call('HGET', KEYS[1], ARGV[1])
  if given then return given end
  local amount = redis.call('LPOP', KEYS[2])
  if not amount then return nil end
  local packet = redis.call('HLEN', KEYS[1]) + 1
  given = packet .. ':' .. amount .. ':' .. ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], given)
  redis.call('RPUSH', KEYS[3], ARGV[3] .. ':' .. given .. ':' .. ARGV[1])
  return '+' .. given`;

interface Scripted extends Redis {
  take(
    claims: string,
    amounts: string,
    records: string,
    receiver: string,
    at: number,
    batch: string,
  ): Promise<string | null>;
}

const pushMax = 10_000;

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 8 });
await prepareLedger(pool);
const redis = new Redis(process.env['REDIS_URL'] ?? '', {
  enableAutoPipelining: process.env['AUTO_PIPELINING'] === 'true',
  scripts: { take: { lua: script, numberOfKeys: 3 } },
}) as Scripted;
/** A batch's link key never changes. */
const keys = new Map<string, string>();

async function keyOf(batch: string): Promise<string | undefined> {
  const known = keys.get(batch);
  if (known !== undefined) return known;
  const found = (await redis.get(`key:${batch}`)) ?? undefined;
  if (found !== undefined) keys.set(batch, found);
  return found;
}

async function create(count: number, total: number): Promise<{ id: string; key: string }> {
  const key = randomBytes(16).toString('base64url');
  const id = await insertBatch(pool, key, count, total);
  const amounts = splitLucky(count, total);
  for (let i = 0; i < count; i += pushMax) {
    await redis.rpush(`amounts:${id}`, ...amounts.slice(i, i + pushMax));
  }
  await redis.set(`key:${id}`, key);
  return { id, key };
}

async function claim(batch: string, receiver: string, key: string): Promise<Claimed | Refusal> {
  const linkKey = keys.get(batch) ?? (await keyOf(batch));
  if (linkKey === undefined) return 'batch_not_found';
  if (key !== linkKey) return 'bad_key';
  const given = await redis.take(
    `claims:${batch}`,
    `amounts:${batch}`,
    'records',
    receiver,
    Date.now(),
    batch,
  );
  if (given === null) return 'exhausted';
  const repeated = !given.startsWith('+');
  const [packet, amount, at] = (repeated ? given : given.slice(1)).split(':').map(Number);
  return { packet: packet ?? 0, amount: amount ?? 0, at: at ?? 0, repeated };
}

servePeer({ create, claim });
