import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { type OutsideSettings, readOutside } from './bank/settings.ts';
import { EnvironmentReader } from './environment.ts';
import { batchQuotaMax, minuteQuotaMax, unsettledBytesMax } from './limits.ts';
import type { RedisSettings } from './journal/open.ts';
import { readCardKeys, readWithdrawals, type WithdrawalLimits } from './payment/settings.ts';
import type { CardKey } from './payment/vault.ts';
import { type PlatformConfig, readTradePlatforms } from './trade-http/config.ts';

export { ConfigError } from './environment.ts';

/** Which program is being configured. */
export type Role = 'gateway' | 'worker';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Everything an operator can set. `undefined` means: not given. */
export type Config = {
  readonly role: Role;
  /** PORT. */
  readonly port: number;
  /** HOST the HTTP server binds to. */
  readonly host: string;
  /** PUBLIC_URL, what links begin with; no slash at the end. */
  readonly publicUrl: string;
  /** DATA_DIR, absolute. */
  readonly dataDir: string;
  /** DATABASE_URL; without it the embedded PostgreSQL is used. */
  readonly databaseUrl: string | undefined;
  /** REDIS_URL; without it the journal is in PostgreSQL. */
  readonly redis: RedisSettings | undefined;
  readonly auth: {
    /** AUTH_SECRET for HS256; not given in embedded mode: see keptAuthSecret(). */
    readonly secret: string | undefined;
    /** AUTH_JWKS_URL; with both, each kind of signature has its own key. */
    readonly jwksUrl: string | undefined;
    /** AUTH_AUDIENCE that a token's `aud` must hold. */
    readonly audience: string;
  };
  /** DEV_LOGIN: anybody may ask for any token. */
  readonly devLogin: boolean;
  /** NODE_ID and NODE_URL: this process among others on the same database, and where they reach it. */
  readonly node: { readonly id: string; readonly url: string };
  /** DRAIN_GRACE_MS: how long the port stays open with readyz 503 before the drain goes on. */
  readonly drainGraceMs: number;
  /** THREADS that host shards. */
  readonly threads: number;
  /** WORKERS: whether this process settles as well. */
  readonly workers: 'inline' | 'none';
  readonly logLevel: LogLevel;
  /** METRICS_PORT; without it metrics are on PORT. */
  readonly metricsPort: number | undefined;
  /** CONFIRM_WITHIN_SECONDS after its creation a batch must be confirmed. */
  readonly confirmWithinSeconds: number;
  /** SHARE_THRESHOLD: largest mean of one packet in minor units; 0 is off. */
  readonly shareThreshold: number;
  /** BATCHES_PER_HOUR, CLAIMS_PER_MINUTE, MESSAGES_PER_MINUTE of one user; not given or 0: no limit. */
  readonly rateLimits: {
    readonly batchesPerHour: number | undefined;
    readonly claimsPerMinute: number | undefined;
    readonly messagesPerMinute: number | undefined;
  };
  /** CARD_KEYS, the current one first; not given: see cardKeysOf(). */
  readonly cardKeys: readonly CardKey[] | undefined;
  /** CARD_KEYS_FILE, absolute. */
  readonly cardKeysFile: string | undefined;
  /** WITHDRAWAL_…: what may be withdrawn. */
  readonly withdrawals: WithdrawalLimits;
  /** BANK_…, CODE_SENDER_…, SANDBOX…: where money and codes go. */
  readonly outside: OutsideSettings;
  /** TRADE_PLATFORMS: where members' trades come from. */
  readonly tradePlatforms: readonly PlatformConfig[];
  /** JOURNAL_MEMORY_WATERMARK: share of the journal store's memory above which claims get 503. */
  readonly journalMemoryWatermark: number;
  /** UNSETTLED_MEGABYTES_MAX: payloads (MiB) this process keeps until settled, above which claims get 503. */
  readonly unsettledMegabytesMax: number;
};

const portMax = 65_535;
const threadsMax = 256;
const drainGraceMsDefault = 1_000;
const drainGraceMsMax = 300_000;
const secretBytesMin = 32;
const confirmWithinSecondsDefault = 86_400;
const confirmWithinSecondsMax = 30 * 86_400;
/** 200 CNY in fen. */
const shareThresholdDefault = 20_000;
const journalMemoryWatermarkDefault = 0.8;
const mebibyte = 1024 * 1024;
const unsettledMegabytesMaxMax = 8_192;

/**
 * Reads and checks the configuration. Pure: opens nothing, makes nothing.
 *
 * @param env process.env; an empty value counts as not given
 * @param options.cores decides the default of THREADS; the machine's own count when left out
 * @throws ConfigError with one line that begins with the variable's name; never shows its value
 *   where that may be a secret
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  options: { readonly role: Role; readonly cores?: number },
): Config {
  const { role, cores = availableParallelism() } = options;
  const read = new EnvironmentReader(env);

  const databaseUrl = read.url('DATABASE_URL', ['postgres:', 'postgresql:']);
  if (role === 'worker' && databaseUrl === undefined) {
    throw read.error(
      'DATABASE_URL',
      'is missing: a worker of its own needs it, the embedded database belongs to `npm start`',
    );
  }
  const port = read.integer('PORT', { min: 1, max: portMax }) ?? 8_080;
  const metricsPort = read.integer('METRICS_PORT', { min: 1, max: portMax });
  if (metricsPort !== undefined && metricsPort === port) {
    throw read.error('METRICS_PORT', 'must differ from PORT; leave it out to share that');
  }
  const auth = readAuth(read, role, databaseUrl);
  return {
    role,
    port,
    host: read.text('HOST') ?? '0.0.0.0',
    publicUrl: publicUrl(read) ?? localUrl(port),
    dataDir: resolve(read.text('DATA_DIR') ?? './data'),
    databaseUrl,
    redis: readRedis(read),
    auth,
    devLogin: readDevLogin(read, auth, databaseUrl),
    node: {
      id: read.text('NODE_ID') ?? `${hostname()}:${port}`,
      url:
        read.url('NODE_URL', ['http:', 'https:'])?.replace(/\/+$/, '') ??
        `http://${hostname()}:${port}`,
    },
    drainGraceMs:
      read.integer('DRAIN_GRACE_MS', { min: 0, max: drainGraceMsMax }) ?? drainGraceMsDefault,
    threads: read.integer('THREADS', { min: 1, max: threadsMax }) ?? defaultThreads(cores),
    workers: read.oneOf('WORKERS', ['inline', 'none'] as const) ?? 'inline',
    logLevel: read.oneOf('LOG_LEVEL', logLevels) ?? 'info',
    metricsPort,
    confirmWithinSeconds:
      read.integer('CONFIRM_WITHIN_SECONDS', { min: 1, max: confirmWithinSecondsMax }) ??
      confirmWithinSecondsDefault,
    shareThreshold:
      read.integer('SHARE_THRESHOLD', { min: 0, max: Number.MAX_SAFE_INTEGER }) ??
      shareThresholdDefault,
    rateLimits: {
      batchesPerHour: quota(read, 'BATCHES_PER_HOUR', batchQuotaMax),
      claimsPerMinute: quota(read, 'CLAIMS_PER_MINUTE', minuteQuotaMax),
      messagesPerMinute: quota(read, 'MESSAGES_PER_MINUTE', minuteQuotaMax),
    },
    ...readCardKeys(read),
    withdrawals: readWithdrawals(read),
    outside: readOutside(read, { embedded: databaseUrl === undefined, port }),
    tradePlatforms: readTradePlatforms(read),
    journalMemoryWatermark:
      read.fraction('JOURNAL_MEMORY_WATERMARK') ?? journalMemoryWatermarkDefault,
    unsettledMegabytesMax:
      read.integer('UNSETTLED_MEGABYTES_MAX', { min: 1, max: unsettledMegabytesMaxMax }) ??
      unsettledBytesMax / mebibyte,
  };
}

function readAuth(
  read: EnvironmentReader,
  role: Role,
  databaseUrl: string | undefined,
): Config['auth'] {
  const secret = read.text('AUTH_SECRET');
  const jwksUrl = read.url('AUTH_JWKS_URL', ['https:', 'http:']);
  if (secret !== undefined && Buffer.byteLength(secret) < secretBytesMin) {
    throw read.error('AUTH_SECRET', `must be at least ${secretBytesMin} bytes long`);
  }
  // Only the gateway looks at tokens.
  const needed = role === 'gateway' && databaseUrl !== undefined;
  if (needed && secret === undefined && jwksUrl === undefined) {
    throw read.error('AUTH_SECRET', 'is missing: with DATABASE_URL set, give it or AUTH_JWKS_URL');
  }
  return { secret, jwksUrl, audience: read.text('AUTH_AUDIENCE') ?? 'hongbao' };
}

function readDevLogin(
  read: EnvironmentReader,
  auth: Config['auth'],
  databaseUrl: string | undefined,
): boolean {
  // Development tokens are signed with a secret; embedded mode has one of its own, unless tokens
  // come from elsewhere.
  const canSign = auth.secret !== undefined || auth.jwksUrl === undefined;
  const given = read.boolean('DEV_LOGIN');
  if (given === true && !canSign) {
    throw read.error('DEV_LOGIN', 'needs AUTH_SECRET: with AUTH_JWKS_URL alone nothing can sign');
  }
  return given ?? (databaseUrl === undefined && canSign);
}

/** REDIS_URL, REDIS_TRUST_REPLICAS, REDIS_TRUST_UNREADABLE_SETTINGS. */
function readRedis(read: EnvironmentReader): RedisSettings | undefined {
  const url = read.url('REDIS_URL', ['redis:', 'rediss:']);
  const trustReplicas = read.boolean('REDIS_TRUST_REPLICAS') ?? false;
  const trustUnreadableSettings = read.boolean('REDIS_TRUST_UNREADABLE_SETTINGS') ?? false;
  return url === undefined ? undefined : { url, trustReplicas, trustUnreadableSettings };
}

function quota(read: EnvironmentReader, variable: string, max: number): number | undefined {
  const most = read.integer(variable, { min: 0, max });
  return most === 0 ? undefined : most;
}

function publicUrl(read: EnvironmentReader): string | undefined {
  const text = read.url('PUBLIC_URL', ['https:', 'http:']);
  if (text === undefined) return undefined;
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '' || url.username !== '') {
    throw read.error('PUBLIC_URL', 'must be an origin or a path below it, without ? and #');
  }
  return url.href.replace(/\/+$/, '');
}

function localUrl(port: number): string {
  return `http://localhost:${port}`;
}

/** One core stays for the gateway. */
function defaultThreads(cores: number): number {
  return Math.min(Math.max(cores - 1, 1), threadsMax);
}
