/**
 * Guards invariant 3: which Redis settings make "the job is on disk when the reply comes" true,
 * and "the server that answers is the only one there can be".
 */
import type { Redis } from 'ioredis';
import type { UnsafeSetting } from './unsafe.ts';

export interface RedisRules {
  /**
   * The server forbids CONFIG (some managed ones do): trust its operator for the settings that can
   * then not be read.
   */
  readonly trustUnreadableSettings: boolean;
  /** Replicas are there, and the operator vouches that none is ever promoted. */
  readonly trustReplicas: boolean;
}

/** What the server says of itself; `config` undefined when it forbids the question. */
export interface RedisFacts {
  readonly info: ReadonlyMap<string, string>;
  readonly config: ReadonlyMap<string, string> | undefined;
}

const required: readonly (readonly [name: string, value: string])[] = [
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  // With yes, a rewrite in the background would suspend the fsync of every reply.
  ['no-appendfsync-on-rewrite', 'no'],
  // Any other would drop jobs, or the owners' table, when memory is full.
  ['maxmemory-policy', 'noeviction'],
];

const versionMin: readonly [number, number] = [6, 2];

/** Asks for everything in one round trip. Rejects when the server does not answer. */
export async function readFacts(client: Redis): Promise<RedisFacts> {
  const sections = ['server', 'replication', 'persistence', 'memory'];
  const pipeline = client.pipeline();
  // One section or name each: several at once need Redis 7.
  for (const section of sections) pipeline.info(section);
  for (const [name] of required) pipeline.config('GET', name);
  const replies = (await pipeline.exec()) ?? [];
  const info = new Map<string, string>();
  const config = new Map<string, string>();
  let readable = true;
  for (const [index, [error, reply]] of replies.entries()) {
    if (error !== null) {
      if (index < sections.length || !forbidsConfig(error)) throw error;
      readable = false;
    } else if (index < sections.length) {
      for (const [name, value] of fieldsOf(String(reply))) info.set(name, value);
    } else if (Array.isArray(reply) && reply.length >= 2) {
      config.set(String(reply[0]), String(reply[1]));
    }
  }
  return { info, config: readable ? config : undefined };
}

/** `name:value` lines of an INFO answer. */
export function fieldsOf(info: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** Every wrong setting, with the line that puts it right. */
export function unsafeSettings(facts: RedisFacts, rules: RedisRules): UnsafeSetting[] {
  const { info, config } = facts;
  const unsafe: UnsafeSetting[] = [];
  const found = (text: string, line: string) => unsafe.push({ found: text, line });

  const version = info.get('redis_version') ?? 'unknown';
  if (!isRecent(version)) found(`its version is ${version}`, 'a server of version 6.2 or later');
  const role = info.get('role') ?? 'unknown';
  if (role !== 'master') found(`its role is ${role}`, 'REDIS_URL to the primary');
  const replicas = Number(info.get('connected_slaves') ?? '0');
  if (replicas > 0 && !rules.trustReplicas) {
    // A replica is behind by what a promotion would lose; its priority shows only on itself.
    found(
      `connected_slaves is ${replicas}`,
      'no replica, or replica-priority 0 and REDIS_TRUST_REPLICAS=true',
    );
  }

  if (config !== undefined) {
    for (const [name, value] of required) {
      const standing = config.get(name) ?? 'unknown';
      if (standing !== value) found(`${name} is ${standing}`, `${name} ${value}`);
    }
  } else if (!rules.trustUnreadableSettings) {
    const lines = required.map((line) => line.join(' ')).join(', ');
    found('it forbids CONFIG GET', `${lines}, and REDIS_TRUST_UNREADABLE_SETTINGS=true`);
  }

  const field = (name: string, value: string, line: string) => {
    const standing = info.get(name);
    if (standing !== undefined && standing !== value) found(`${name} is ${standing}`, line);
  };
  if (config === undefined) {
    field('aof_enabled', '1', 'appendonly yes');
    field('maxmemory_policy', 'noeviction', 'maxmemory-policy noeviction');
  }
  field('aof_last_write_status', 'ok', 'room and health on the disk of its append-only file');
  // Just switched on: until the first file is complete, nothing on disk would be loaded.
  const rewriting =
    info.get('aof_rewrite_in_progress') === '1' || info.get('aof_rewrite_scheduled') === '1';
  if (rewriting && info.get('aof_base_size') === '0' && unsafe.length === 0) {
    found('its first append-only file is being written', 'nothing, only wait');
  }
  return unsafe;
}

function isRecent(version: string): boolean {
  const [major = Number.NaN, minor = Number.NaN] = version.split('.').map(Number);
  return major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1]);
}

function forbidsConfig(error: Error): boolean {
  return /^(NOPERM|ERR unknown command|ERR unknown subcommand)|not (allowed|supported|permitted)/i.test(
    error.message,
  );
}
