import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../engine/config.ts';

const gateway = { role: 'gateway', cores: 4 } as const;
const production = {
  DATABASE_URL: 'postgres://app:secret@db/hongbao',
  AUTH_SECRET: 'x'.repeat(32),
};

function errorOf(env: Record<string, string>, role: 'gateway' | 'worker' = 'gateway'): ConfigError {
  try {
    loadConfig(env, { role, cores: 4 });
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('no ConfigError');
}

test('everything has a default in embedded mode', () => {
  expect(loadConfig({}, gateway)).toEqual({
    role: 'gateway',
    port: 8080,
    host: '0.0.0.0',
    publicUrl: 'http://localhost:8080',
    dataDir: `${process.cwd()}/data`,
    databaseUrl: undefined,
    redis: undefined,
    drainGraceMs: 1_000,
    node: { id: `${hostname()}:8080`, url: `http://${hostname()}:8080` },
    auth: { secret: undefined, jwksUrl: undefined, audience: 'hongbao' },
    devLogin: true,
    threads: 3,
    workers: 'inline',
    logLevel: 'info',
    metricsPort: undefined,
    confirmWithinSeconds: 86_400,
    shareThreshold: 20_000,
    rateLimits: {
      batchesPerHour: undefined,
      claimsPerMinute: undefined,
      messagesPerMinute: undefined,
    },
    cardKeys: undefined,
    cardKeysFile: undefined,
    withdrawals: {
      assets: ['CNY'],
      amountMin: 100,
      amountMax: 2_000_000,
      dayAmountMax: 5_000_000,
      dayCountMax: 20,
    },
    outside: { bank: undefined, codeSender: undefined, sandbox: true, sandboxPort: 8081 },
    tradePlatforms: [],
    journalMemoryWatermark: 0.8,
    unsettledMegabytesMax: 256,
  });
});

test('every variable is taken', () => {
  const config = loadConfig(
    {
      ...production,
      PORT: '9000',
      HOST: '127.0.0.1',
      PUBLIC_URL: 'https://gifts.example/red/',
      DATA_DIR: '/srv/data',
      REDIS_URL: 'rediss://cache:6380/1',
      REDIS_TRUST_REPLICAS: 'true',
      AUTH_JWKS_URL: 'https://id.example/keys',
      AUTH_AUDIENCE: 'gifts',
      DEV_LOGIN: 'true',
      NODE_ID: 'one',
      NODE_URL: 'http://10.0.0.1:9000/',
      DRAIN_GRACE_MS: '0',
      THREADS: '7',
      WORKERS: 'none',
      LOG_LEVEL: 'debug',
      METRICS_PORT: '9100',
      CONFIRM_WITHIN_SECONDS: '60',
      SHARE_THRESHOLD: '0',
      BATCHES_PER_HOUR: '5',
      CLAIMS_PER_MINUTE: '60',
      MESSAGES_PER_MINUTE: '0',
      CARD_KEYS: `new:${'QUJD'.repeat(10)}QUI=,old:${'_-'.repeat(21)}8`,
      WITHDRAWAL_ASSETS: 'CNY, points',
      WITHDRAWAL_MIN: '1',
      WITHDRAWAL_MAX: '10',
      WITHDRAWAL_DAY_MAX: '20',
      WITHDRAWALS_PER_DAY: '3',
      JOURNAL_MEMORY_WATERMARK: '.5',
      UNSETTLED_MEGABYTES_MAX: '64',
      BANK_URL: 'https://bank.example/pay/',
      BANK_TOKEN: 'bank-token',
      CODE_SENDER_URL: 'http://127.0.0.1:9/codes',
      SANDBOX_PORT: '9500',
      TRADE_PLATFORMS: '[{"name":"mall","kind":"generic","url":"https://mall.example/api"}]',
    },
    gateway,
  );
  expect(config).toEqual({
    role: 'gateway',
    port: 9000,
    host: '127.0.0.1',
    publicUrl: 'https://gifts.example/red',
    dataDir: '/srv/data',
    databaseUrl: production.DATABASE_URL,
    redis: {
      url: 'rediss://cache:6380/1',
      trustReplicas: true,
      trustUnreadableSettings: false,
    },
    auth: {
      secret: production.AUTH_SECRET,
      jwksUrl: 'https://id.example/keys',
      audience: 'gifts',
    },
    devLogin: true,
    node: { id: 'one', url: 'http://10.0.0.1:9000' },
    drainGraceMs: 0,
    threads: 7,
    workers: 'none',
    logLevel: 'debug',
    metricsPort: 9100,
    confirmWithinSeconds: 60,
    shareThreshold: 0,
    rateLimits: { batchesPerHour: 5, claimsPerMinute: 60, messagesPerMinute: undefined },
    cardKeys: [
      { id: 'new', key: new Uint8Array(Buffer.from(`${'ABC'.repeat(10)}AB`)) },
      { id: 'old', key: new Uint8Array(Buffer.from(`${'_-'.repeat(21)}8`, 'base64url')) },
    ],
    cardKeysFile: undefined,
    outside: {
      bank: { url: 'https://bank.example/pay', token: 'bank-token' },
      codeSender: { url: 'http://127.0.0.1:9/codes', token: undefined },
      sandbox: false,
      sandboxPort: 9500,
    },
    withdrawals: {
      assets: ['CNY', 'points'],
      amountMin: 1,
      amountMax: 10,
      dayAmountMax: 20,
      dayCountMax: 3,
    },
    tradePlatforms: [
      {
        name: 'mall',
        title: 'mall',
        kind: 'generic',
        url: 'https://mall.example/api',
        linkHosts: ['mall.example'],
        paths: ['poll'],
        pollIntervalSeconds: 60,
        requestsPerSecond: 50,
        sandbox: false,
      },
    ],
    journalMemoryWatermark: 0.5,
    unsettledMegabytesMax: 64,
  });
});

describe('the sandbox', () => {
  const outside = (env: Record<string, string>) => loadConfig(env, gateway).outside;
  test('comes with the embedded database only, and never beside a bank', () => {
    expect(outside({})).toMatchObject({ sandbox: true, sandboxPort: 8081 });
    expect(outside({ BANK_URL: 'https://bank.example' }).sandbox).toBe(false);
    expect(outside(production).sandbox).toBe(false);
    expect(outside({ ...production, SANDBOX: 'true' }).sandbox).toBe(true);
    expect(errorOf({ BANK_URL: 'https://bank.example', SANDBOX: 'true' }).variable).toBe('SANDBOX');
  });
  test('never comes to production, nor anything but TLS', () => {
    expect(outside({ NODE_ENV: 'production' }).sandbox).toBe(false);
    expect(errorOf({ NODE_ENV: 'production', SANDBOX: 'true' }).variable).toBe('SANDBOX');
    const local = { BANK_URL: 'http://127.0.0.1:8081/bank' };
    expect(outside(local).bank?.url).toBe(local.BANK_URL);
    expect(errorOf({ ...local, NODE_ENV: 'production' }).variable).toBe('BANK_URL');
  });
});

test.each([
  ['PORT', '65536'],
  ['PORT', '0'],
  ['PORT', '-1'],
  ['PORT', '80 80'],
  ['PORT', '1e3'],
  ['PUBLIC_URL', 'gifts.example'],
  ['PUBLIC_URL', 'ftp://gifts.example'],
  ['PUBLIC_URL', 'https://gifts.example/?a=1'],
  ['DATABASE_URL', 'mysql://db/hongbao'],
  ['DATABASE_URL', 'localhost'],
  ['REDIS_URL', 'http://cache'],
  ['AUTH_SECRET', 'short'],
  ['AUTH_JWKS_URL', 'keys.json'],
  ['DEV_LOGIN', 'yes'],
  ['BATCHES_PER_HOUR', '-1'],
  ['CLAIMS_PER_MINUTE', '1.5'],
  ['MESSAGES_PER_MINUTE', '1001'],
  ['THREADS', '0'],
  ['THREADS', '1.5'],
  ['WORKERS', 'all'],
  ['LOG_LEVEL', 'loud'],
  ['METRICS_PORT', '0'],
  ['METRICS_PORT', '8080'],
  ['CONFIRM_WITHIN_SECONDS', '0'],
  ['SHARE_THRESHOLD', '9007199254740992'],
  ['JOURNAL_MEMORY_WATERMARK', '0'],
  ['JOURNAL_MEMORY_WATERMARK', '1.01'],
  ['JOURNAL_MEMORY_WATERMARK', '80%'],
  ['UNSETTLED_MEGABYTES_MAX', '0'],
  ['CARD_KEYS', 'k1'],
  ['CARD_KEYS', 'k1:c2hvcnQ='],
  ['CARD_KEYS', '[{"id": "k1"}]'],
  ['CARD_KEYS', '[{'],
  ['WITHDRAWAL_ASSETS', 'CNY,'],
  ['WITHDRAWAL_MIN', '0'],
  ['WITHDRAWAL_MAX', '99'],
  ['WITHDRAWAL_DAY_MAX', '1.5'],
  ['WITHDRAWALS_PER_DAY', '0'],
  ['BANK_URL', 'http://bank.example'],
  ['BANK_URL', 'https://user:secret@bank.example'],
  ['BANK_URL', 'https://bank.example/?key=secret'],
  ['CODE_SENDER_URL', 'ftp://127.0.0.1'],
  ['BANK_TOKEN', 'two words'],
  ['SANDBOX', 'maybe'],
  ['SANDBOX_PORT', '0'],
])('a wrong %s (%s) is one line that begins with its name', (variable, value) => {
  const error = errorOf({ ...production, [variable]: value });
  expect(error.variable).toBe(variable);
  expect(error.message.startsWith(`${variable} `)).toBe(true);
  expect(error.message).not.toContain('\n');
});

test('an error about a URL or a secret does not show it', () => {
  expect(errorOf({ DATABASE_URL: 'mysql://app:hunter2@db/x' }).message).not.toContain('hunter2');
  expect(errorOf({ REDIS_URL: 'http://:hunter2@cache' }).message).not.toContain('hunter2');
  expect(errorOf({ AUTH_SECRET: 'hunter2' }).message).not.toContain('hunter2');
  expect(errorOf({ CARD_KEYS: 'k1:hunter2' }).message).not.toContain('hunter2');
  expect(errorOf({ CARD_KEYS: '[{"k1":"hunter2"}]' }).message).not.toContain('hunter2');
});

test('with a database of its own it needs a way to check tokens', () => {
  const { DATABASE_URL } = production;
  expect(errorOf({ DATABASE_URL }).variable).toBe('AUTH_SECRET');
  const withKeys = loadConfig({ DATABASE_URL, AUTH_JWKS_URL: 'https://id.example/keys' }, gateway);
  expect(withKeys.auth.secret).toBeUndefined();
});

test('a worker checks no tokens, but needs the database', () => {
  const { DATABASE_URL } = production;
  expect(loadConfig({ DATABASE_URL }, { role: 'worker' }).role).toBe('worker');
  expect(errorOf({}, 'worker').variable).toBe('DATABASE_URL');
});

test('development login is on only with the embedded database and a secret to sign with', () => {
  expect(loadConfig({}, gateway).devLogin).toBe(true);
  expect(loadConfig({ REDIS_URL: 'redis://cache' }, gateway).devLogin).toBe(true);
  expect(loadConfig({ DEV_LOGIN: 'false' }, gateway).devLogin).toBe(false);
  expect(loadConfig(production, gateway).devLogin).toBe(false);
  const AUTH_JWKS_URL = 'https://id.example/keys';
  expect(loadConfig({ AUTH_JWKS_URL }, gateway).devLogin).toBe(false);
  expect(errorOf({ AUTH_JWKS_URL, DEV_LOGIN: 'true' }).variable).toBe('DEV_LOGIN');
});

test('an empty value is a value not given', () => {
  expect(loadConfig({ DATABASE_URL: '', PORT: ' ' }, gateway)).toEqual(loadConfig({}, gateway));
});

test('one core is left for the gateway, and there is always one thread', () => {
  const threads = (cores: number) => loadConfig({}, { role: 'gateway', cores }).threads;
  expect([1, 2, 8, 1_000].map(threads)).toEqual([1, 1, 7, 256]);
});
