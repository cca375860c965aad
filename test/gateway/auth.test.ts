import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type JWTPayload,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../gateway/auth.ts';
import { audience, harness, secret } from './harness.ts';

const now = Date.UTC(2026, 0, 1) / 1_000;
const key = Buffer.from(secret);
const good: JWTPayload = { sub: 'ann', aud: audience, exp: now + 60 };

const sign = (payload: JWTPayload, alg = 'HS256', by: Uint8Array | CryptoKey = key, more = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg, ...more }).sign(by);

async function status(authorization: string | undefined, path = '/v1/accounts') {
  const { ask } = harness();
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  return ask('GET', path, { headers });
}

describe('shared secret', () => {
  test('a good token, whatever the case of its scheme', async () => {
    const token = await sign(good);
    expect((await status(`Bearer ${token}`)).status).toBe(200);
    expect((await status(`bearer ${token}`)).status).toBe(200);
  });

  test('without a token', async () => {
    for (const authorization of [undefined, '', 'Bearer', 'Basic YTpi', 'Bearer a b']) {
      const said = await status(authorization);
      expect([said.status, said.json.code]).toEqual([401, 'unauthenticated']);
      expect(said.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
    }
  });

  test.each<[string, JWTPayload]>([
    ['expired', { ...good, exp: now }],
    ['not yet valid', { ...good, nbf: now + 1 }],
    ['without exp', { sub: 'ann', aud: audience }],
    ['wrong aud', { ...good, aud: 'other' }],
    ['without aud', { sub: 'ann', exp: now + 60 }],
    ['without sub', { aud: audience, exp: now + 60 }],
    ['empty sub', { ...good, sub: '' }],
    ['sub with a space', { ...good, sub: 'an n' }],
    ['sub with a line break', { ...good, sub: 'ann\n' }],
    ['sub too long', { ...good, sub: 'a'.repeat(65) }],
    ['sub with markup', { ...good, sub: '<b>' }],
  ])('%s', async (_name, payload) => {
    const said = await status(`Bearer ${await sign(payload)}`);
    expect([said.status, said.json.code]).toEqual([401, 'unauthenticated']);
    expect(said.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test('other signatures', async () => {
    const none = new UnsecuredJWT(good).encode();
    const [head, payload, signature] = (await sign(good)).split('.') as [string, string, string];
    const admin = Buffer.from(JSON.stringify({ ...good, sub: 'root' })).toString('base64url');
    const { privateKey } = await generateKeyPair('ES256');
    const tokens = [
      none,
      none.replace(/\.$/, '') + `.${signature}`,
      await sign(good, 'HS256', Buffer.from('another secret, long enough for HS256')),
      await sign(good, 'HS512', Buffer.alloc(64, secret)),
      await sign(good, 'ES256', privateKey),
      await sign(good, 'HS256', key, { crit: ['x'], x: 1 }).catch(() => 'a.b.c'),
      `${head}.${admin}.${signature}`,
      `${head}.${payload}.`,
      `${head}.${payload}`,
      'x.y.z',
      '..',
      `${head}.${payload}.${signature}A`,
    ];
    for (const token of tokens) expect((await status(`Bearer ${token}`)).status).toBe(401);
  });

  test('a huge token is refused before it is hashed', async () => {
    const said = await status(`Bearer ${await sign({ ...good, filler: 'x'.repeat(5_000) })}`);
    expect(said.status).toBe(401);
    expect(said.json.detail).toContain('too long');
  });

  test('a verified token is remembered until it expires, and not before nbf', async () => {
    let nowMs = now * 1_000;
    const auth = createAuthenticator({ audience, secret }, { now: () => nowMs });
    const header = `Bearer ${await sign({ ...good, nbf: now - 10 })}`;
    expect(auth.known(header)).toBeUndefined();
    expect(await auth.verify(header)).toMatchObject({ code: 'verified' });
    expect(auth.known(header)).toMatchObject({ userId: 'ann', operator: false });
    nowMs = (now - 11) * 1_000;
    expect(auth.known(header)).toBeUndefined();
    nowMs = now * 1_000;
    await auth.verify(header);
    nowMs = (now + 60) * 1_000;
    expect(auth.known(header)).toBeUndefined();
    expect(await auth.verify(header)).toMatchObject({ code: 'invalid' });
  });

  test('no key at all stops the start', () => {
    expect(() => createAuthenticator({ audience }, { now: () => 0 })).toThrow(/no key/);
  });
});

describe('scope operator', () => {
  test.each<[object, number]>([
    [{ scope: 'operator' }, 200],
    [{ scope: 'read operator write' }, 200],
    [{ scopes: ['operator'] }, 200],
    [{}, 403],
    [{ scope: 'operators' }, 403],
    [{ scope: ['operator'] }, 403],
    [{ scopes: 'operator' }, 403],
    [{ operator: true }, 403],
  ])('%j → %i', async (claims, expected) => {
    const said = await status(`Bearer ${await sign({ ...good, ...claims })}`, '/v1/operator/audit');
    expect(said.status).toBe(expected);
    if (expected === 403) {
      expect(said.json.code).toBe('forbidden');
      expect(said.headers.get('www-authenticate')).toContain('insufficient_scope');
    }
  });
  test('without a token it is 401', async () => {
    expect((await status(undefined, '/v1/operator/audit')).status).toBe(401);
  });
});

describe('key set', () => {
  let server: Server;
  let jwksUrl: string;
  let keys: { privateKey: CryptoKey; publicKey: CryptoKey };
  let answerStatus = 200;

  beforeAll(async () => {
    keys = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' };
    server = createServer((_request, response) => {
      response.writeHead(answerStatus, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterAll(() => void server.close());

  const verify = async (token: string, both = false) => {
    const options = both ? { audience, jwksUrl, secret } : { audience, jwksUrl };
    const auth = createAuthenticator(options, { now: () => now * 1_000 });
    return (await auth.verify(`Bearer ${token}`)).code;
  };

  test('a token of a key in the set', async () => {
    const token = await sign(good, 'RS256', keys.privateKey, { kid: 'k1' });
    expect(await verify(token)).toBe('verified');
  });

  test('algorithm confusion: the public key as an HMAC secret', async () => {
    const pem = Buffer.from(await exportSPKI(keys.publicKey));
    const jwk = Buffer.from(JSON.stringify(await exportJWK(keys.publicKey)));
    for (const material of [pem, Buffer.from(pem.toString().trim()), jwk]) {
      const token = await sign(good, 'HS256', material, { kid: 'k1' });
      expect(await verify(token)).toBe('invalid');
      expect(await verify(token, true)).toBe('invalid');
    }
  });

  test('none, foreign keys, keys that the token brings along', async () => {
    const foreign = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(foreign.publicKey);
    expect(await verify(new UnsecuredJWT(good).encode())).toBe('invalid');
    expect(await verify(await sign(good, 'RS256', foreign.privateKey, { kid: 'k1' }))).toBe(
      'invalid',
    );
    expect(await verify(await sign(good, 'RS256', foreign.privateKey, { jwk }))).toBe('invalid');
    expect(await verify(await sign(good, 'RS256', foreign.privateKey, { kid: 'k2' }))).toBe(
      'invalid',
    );
    expect(
      await verify(await sign(good, 'PS256', await exchange(keys.privateKey), { kid: 'k1' })),
    ).toBe('invalid');
  });

  test('with both, each kind of algorithm has its own key', async () => {
    expect(await verify(await sign(good), true)).toBe('verified');
    expect(await verify(await sign(good))).toBe('invalid');
    const token = await sign(good, 'RS256', keys.privateKey, { kid: 'k1' });
    expect(await verify(token, true)).toBe('verified');
  });

  test('a key set that cannot be fetched is no 401', async () => {
    const token = await sign(good, 'RS256', keys.privateKey, { kid: 'k1' });
    answerStatus = 500;
    expect(await verify(token)).toBe('unavailable');
    answerStatus = 200;
    const { ask } = harness({ auth: { audience, jwksUrl: 'http://127.0.0.1:9/keys' } });
    const said = await ask('GET', '/v1/accounts', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([said.status, said.json.code]).toEqual([503, 'auth_unavailable']);
    expect(said.headers.get('retry-after')).toBe('1');
  });

  /** The same private key, taken for another algorithm. */
  async function exchange(from: CryptoKey): Promise<CryptoKey> {
    const jwk = await crypto.subtle.exportKey('jwk', from);
    delete jwk.alg;
    const as = { name: 'RSA-PSS', hash: 'SHA-256' };
    return crypto.subtle.importKey('jwk', jwk, as, false, ['sign']);
  }
});

describe('development tokens', () => {
  test('let anybody be anybody', async () => {
    const { ask } = harness();
    const body = { userId: 'op', name: '操作员', scopes: ['operator'] };
    const said = await ask('POST', '/v1/dev/tokens', { body });
    expect(said.status).toBe(201);
    const headers = { authorization: `Bearer ${said.json.token}` };
    expect((await ask('GET', '/v1/operator/audit', { headers })).status).toBe(200);
    const plain = await ask('POST', '/v1/dev/tokens', { body: { userId: 'ann' } });
    const user = { authorization: `Bearer ${plain.json.token}` };
    expect((await ask('GET', '/v1/operator/audit', { headers: user })).status).toBe(403);
  });
  test('bad input', async () => {
    const { ask } = harness();
    const body = { userId: 'no good', scopes: ['root'], admin: true };
    const said = await ask('POST', '/v1/dev/tokens', { body });
    expect(said.json.errors.map((error: { field: string }) => error.field)).toEqual([
      'userId',
      'scopes[0]',
      'admin',
    ]);
  });
  test('do not exist unless switched on', async () => {
    for (const options of [{ devLogin: false }, { auth: { audience, jwksUrl: 'http://x/keys' } }]) {
      const { app, routes } = harness(options);
      const response = await app.request('/v1/dev/tokens', { method: 'POST', body: '{}' });
      expect(response.status).toBe(404);
      expect(routes.some(({ path }) => path.includes('dev'))).toBe(false);
    }
  });
});
