/** The drain of the Redis-Lua peer: its list of records into PostgreSQL, many rows at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { type ClaimRecord, settleClaims } from './ledger.ts';

const recordsMax = 5_000;
const idleMs = 10;

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 1 });
const redis = new Redis(process.env['REDIS_URL'] ?? '');
process.on('disconnect', () => process.exit());

function parse(record: string): ClaimRecord {
  const [batch = '', packet, amount, at] = record.split(':', 4);
  const head = `${batch}:${packet}:${amount}:${at}:`;
  return {
    batch,
    packet: Number(packet),
    amount: Number(amount),
    at: Number(at),
    receiver: record.slice(head.length),
  };
}

for (;;) {
  const records = await redis.lrange('records', 0, recordsMax - 1);
  if (records.length === 0) {
    await sleep(idleMs);
    continue;
  }
  await settleClaims(pool, records.map(parse));
  // Only now: records that come again after a crash move nothing.
  await redis.ltrim('records', records.length, -1);
}
