/**
 * Guards invariant 3: nothing is asked of a Redis connection whose server has not been checked.
 *
 * Each new connection may lead to another server, or to the same one started with other settings.
 * Its verdict is forgotten the moment the connection breaks, before another can be ready.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../ports/clock.ts';
import type { Reporter } from './reporter.ts';
import { type RedisRules, readFacts, unsafeSettings } from './redis-settings.ts';
import { refuseUnsafe } from './unsafe.ts';

/** A refused server is asked again this often, as long as somebody wants something of it. */
const refusedAgainMs = 500;
/** A server found safe is asked again this often; replicas come and operators type CONFIG SET. */
const safeAgainMs = 5_000;

export interface RedisGate {
  /** Resolves when this connection's server is known to be safe; rejects otherwise. */
  pass(): Promise<void>;
  /** Makes the next pass() wait for a new check. */
  doubt(): void;
}

type Verdict =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'safe'; readonly at: number }
  | { readonly kind: 'refused'; readonly at: number; readonly error: unknown };

const unknown: Verdict = { kind: 'unknown' };

export function redisGate(
  client: Redis,
  options: { readonly rules: RedisRules; readonly clock: Clock; readonly reporter: Reporter },
): RedisGate {
  const { clock, reporter, rules } = options;
  let verdict: Verdict = unknown;
  let connection = 0;
  let checking: Promise<void> | undefined;

  /** Asks the server and sets the verdict, unless the connection is another one by then. */
  const check = async () => {
    const asked = connection;
    let next: Verdict;
    try {
      refuseUnsafe('REDIS_URL', unsafeSettings(await readFacts(client), rules));
      next = { kind: 'safe', at: clock.monotonic() };
    } catch (error) {
      next = { kind: 'refused', at: clock.monotonic(), error };
    }
    if (asked !== connection) throw new Error('REDIS_URL: connection lost');
    verdict = next;
    if (next.kind === 'refused') {
      reporter.report('error', 'journal refused', next.error);
      throw next.error;
    }
  };
  const checkOnce = () => {
    const mine = (checking ??= check().finally(() => {
      if (checking === mine) checking = undefined;
    }));
    return mine;
  };
  const forget = () => {
    connection += 1;
    verdict = unknown;
    checking = undefined;
  };

  client.on('close', forget);
  client.on('ready', () => {
    checkOnce().catch(() => undefined);
  });

  return {
    async pass() {
      if (client.status !== 'ready') throw new Error('REDIS_URL: not connected');
      const now = clock.monotonic();
      if (verdict.kind === 'safe') {
        // In the background: the answer counts from its arrival.
        if (now - verdict.at > safeAgainMs) checkOnce().catch(() => undefined);
        return;
      }
      if (verdict.kind === 'refused' && now - verdict.at < refusedAgainMs) throw verdict.error;
      await checkOnce();
    },
    doubt() {
      if (verdict.kind === 'safe') verdict = unknown;
    },
  };
}
