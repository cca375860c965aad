/**
 * Guards invariant 2 (single owner): the owners' table in Redis, each operation one script.
 *
 * Beside BullMQ's keys, under the same hash tag, stand `<queue>-meta` (hash: id, takes) and
 * `<queue>-owners` (hash: shard → number).
 */
import { randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { OwnershipAnswer } from './owners.ts';
import { JournalUnsafe } from './unsafe.ts';

/**
 * KEYS meta, owners; ARGV known version. Answers run id, role, journal id, version and, when that
 * is not the known one, the owners' table.
 *
 * The run is asked for inside the script, so that it is the run of the server, and of the moment,
 * that the owners were read in. A new replication id marks every promotion.
 */
const readScript = `
local server = redis.call('INFO', 'server')
local replication = redis.call('INFO', 'replication')
local role = string.match(replication, 'role:([^\\r\\n]*)')
local run = string.match(server, 'run_id:([^\\r\\n]*)') .. '/' .. role .. '/' ..
  string.match(replication, 'master_replid:([^\\r\\n]*)')
local meta = redis.call('HMGET', KEYS[1], 'id', 'takes')
local version = run .. '/' .. (meta[1] or '') .. '/' .. (meta[2] or '')
if version == ARGV[1] then return {run, role, meta[1], version} end
return {run, role, meta[1], version, redis.call('HGETALL', KEYS[2])}
`;

/** KEYS meta, owners; ARGV number, start of the counter, shards … */
const takeScript = `
local number = tonumber(ARGV[1])
local changed = false
for i = 3, #ARGV do
  local standing = redis.call('HGET', KEYS[2], ARGV[i])
  if not standing or tonumber(standing) < number then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[1])
    changed = true
  end
end
if changed then
  redis.call('HSETNX', KEYS[1], 'takes', ARGV[2])
  redis.call('HINCRBY', KEYS[1], 'takes', 1)
end
return 1
`;

/** KEYS meta; ARGV journal id, start of the counter. Answers the id that stands there now. */
const bindScript = `
redis.call('HSETNX', KEYS[1], 'takes', ARGV[2])
redis.call('HSETNX', KEYS[1], 'id', ARGV[1])
return redis.call('HGET', KEYS[1], 'id')
`;

/** The scripts as commands, sent by their hash and in full only when the server forgot them. */
type ScriptedRedis = Redis & {
  journalRead(meta: string, owners: string, known: string): Promise<ReadReply>;
  journalTake(meta: string, owners: string, ...rest: (string | number)[]): Promise<unknown>;
  journalBind(meta: string, id: string, start: number): Promise<string>;
};
type ReadReply = [
  runId: string,
  role: string,
  journalId: string | null,
  version: string,
  pairs?: string[],
];

export interface RedisOwners {
  readonly ask: (knownVersion: string) => Promise<OwnershipAnswer>;
  readonly take: (shards: readonly number[], number: number) => Promise<void>;
  readonly bind: (journalId: string) => Promise<string>;
}

/** @param prefix what BullMQ's keys of this queue begin with, such as `{hongbao}:journal` */
export function redisOwners(client: Redis, prefix: string): RedisOwners {
  const meta = `${prefix}-meta`;
  const owners = `${prefix}-owners`;
  client.defineCommand('journalRead', { numberOfKeys: 2, lua: readScript });
  client.defineCommand('journalTake', { numberOfKeys: 2, lua: takeScript });
  client.defineCommand('journalBind', { numberOfKeys: 1, lua: bindScript });
  const scripted = client as ScriptedRedis;
  return {
    async ask(knownVersion) {
      const reply = await scripted.journalRead(meta, owners, knownVersion);
      const [runId, role, journalId, version, pairs] = reply;
      if (role !== 'master') {
        const line = 'REDIS_URL to the primary';
        throw new JournalUnsafe('REDIS_URL', [{ found: `its role is ${role}`, line }]);
      }
      return { journalId: journalId ?? undefined, runId, version, pairs };
    },
    async take(shards, number) {
      await scripted.journalTake(meta, owners, number, counterStart(), ...shards);
    },
    bind: (journalId) => scripted.journalBind(meta, journalId, counterStart()),
  };
}

/** Random, so that a store wiped and bound again never comes back to a version known before. */
export function counterStart(): number {
  return randomInt(2 ** 40);
}
