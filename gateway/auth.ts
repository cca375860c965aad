/** Bearer tokens: verified by well-kept libraries, remembered until they expire, so a claim costs one look-up. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  SignJWT,
  type JWTPayload,
} from 'jose';
import { createVerifier, TokenError } from 'fast-jwt';
import { LRUCache } from 'lru-cache';
import { userIdPattern, verifiedTokensMax } from '../engine/limits.ts';
import type { Clock } from '../engine/ports/clock.ts';

/** At least one of the two keys. Each verifies its own kind of algorithm only. */
export interface AuthOptions {
  readonly audience: string;
  /** HS256 and nothing else. */
  readonly secret?: string | undefined;
  /** JSON Web Key Set; asymmetric algorithms and nothing else. */
  readonly jwksUrl?: string | undefined;
}

export interface Caller {
  readonly userId: string;
  /** The token's scope holds `operator`. */
  readonly operator: boolean;
  /** The token's `exp`, ms since the epoch. */
  readonly expiresAt: number;
}

export type Verified =
  | { readonly code: 'verified'; readonly caller: Caller }
  | { readonly code: 'missing' }
  | { readonly code: 'invalid'; readonly reason: string }
  /** The key set cannot be fetched: nobody knows whether the token is good. */
  | { readonly code: 'unavailable' };

export interface Authenticator {
  /** The caller of a header value verified before and still valid; never waits. */
  known(authorization: string | undefined): Caller | undefined;
  /** Waits only where the key set may have to be fetched. */
  verify(authorization: string | undefined): Verified | Promise<Verified>;
}

interface Entry {
  readonly caller: Caller;
  readonly notBeforeMs: number;
}

/** Longer ones are refused before any hashing. */
const tokenLengthMax = 4_096;
/** Keeps a full cache of long tokens within some 100 MB. */
const cachedCharsMax = verifiedTokensMax * 1_024;
const asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
const unreachable = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** `scope`: space-separated; `scopes`: a list. Other shapes grant nothing. */
function hasScope(payload: JWTPayload, wanted: string): boolean {
  const { scope, scopes } = payload;
  if (typeof scope === 'string' && scope.split(' ').includes(wanted)) return true;
  return Array.isArray(scopes) && scopes.includes(wanted);
}

function failure(error: unknown): Verified {
  if (error instanceof TokenError) {
    const claim = /\b(aud|exp|nbf|sub)\b/.exec(error.message)?.[1];
    return claim === undefined
      ? { code: 'invalid', reason: 'The token is not acceptable.' }
      : { code: 'invalid', reason: `The token's ${claim} is missing or not acceptable.` };
  }
  if (error instanceof errors.JWTExpired)
    return { code: 'invalid', reason: 'The token has expired.' };
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { code: 'invalid', reason: `The token's ${error.claim} is missing or not acceptable.` };
  }
  if (error instanceof errors.JOSEError && !unreachable.has(error.code)) {
    return { code: 'invalid', reason: 'The token is not acceptable.' };
  }
  const fetchFailed = error instanceof TypeError && error.message === 'fetch failed';
  if (fetchFailed || error instanceof errors.JOSEError) return { code: 'unavailable' };
  return { code: 'invalid', reason: 'The token is not acceptable.' };
}

/** HS256 secret as a key object, so that jose imports it once. Throws on an empty secret. */
function secretKey(secret: string): KeyObject {
  if (secret.length === 0) throw new Error('the token secret is empty');
  return createSecretKey(Buffer.from(secret, 'utf8'));
}

/**
 * HS256 by a synchronous verifier: an HMAC takes a few microseconds, a trip through asynchronous crypto many more,
 * and in a campaign's busiest minute every receiver's token is new. Throws what the library and the checks refuse.
 */
function secretVerifier(
  secret: string,
  audience: string,
  clock: Pick<Clock, 'now'>,
): (token: string) => JWTPayload {
  if (secret.length === 0) throw new Error('the token secret is empty');
  // Its own clock is the system's: times are checked below, by ours.
  const verify = createVerifier({
    key: secret,
    algorithms: ['HS256'],
    allowedAud: audience,
    requiredClaims: ['aud', 'exp', 'sub'],
    ignoreExpiration: true,
    ignoreNotBefore: true,
    cache: false,
  });
  return (token) => {
    const payload = verify(token) as JWTPayload;
    const { exp, nbf } = payload;
    const now = clock.now() / 1_000;
    if (typeof exp !== 'number' || (nbf !== undefined && typeof nbf !== 'number')) {
      throw new errors.JWTInvalid('exp and nbf are numbers');
    }
    if (exp <= now) throw new errors.JWTExpired('expired', payload, 'exp');
    if (nbf !== undefined && nbf > now) {
      throw new errors.JWTClaimValidationFailed('too early', payload, 'nbf');
    }
    return payload;
  };
}

/**
 * Checks signature, `aud`, `exp` (required), `nbf` and `sub` without leeway. A key is only ever used
 * with algorithms of its own kind, so `none` and algorithm confusion cannot pass. Throws without keys.
 */
export function createAuthenticator(
  options: AuthOptions,
  clock: Pick<Clock, 'now'>,
): Authenticator {
  const cache = new LRUCache<string, Entry>({
    max: verifiedTokensMax,
    maxSize: cachedCharsMax,
    sizeCalculation: (_entry, key) => key.length,
  });
  const common = { audience: options.audience, requiredClaims: ['exp', 'sub'] };
  const { secret, jwksUrl } = options;
  const bySecret =
    secret === undefined ? undefined : secretVerifier(secret, options.audience, clock);
  const keys = jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl));
  if (bySecret === undefined && keys === undefined) throw new Error('no key to verify tokens with');

  /** @throws what libraries and checks refuse, at once or by rejecting */
  function check(token: string): JWTPayload | Promise<JWTPayload> {
    // The header only chooses between two verifiers, each of which allows its own algorithms alone.
    const shared = keys === undefined || decodeProtectedHeader(token).alg === 'HS256';
    if (shared && bySecret !== undefined) return bySecret(token);
    if (keys === undefined) throw new errors.JOSEAlgNotAllowed('no key of this kind');
    const currentDate = new Date(clock.now());
    return jwtVerify(token, keys, { ...common, currentDate, algorithms: asymmetric }).then(
      ({ payload }) => payload,
    );
  }

  function accept(authorization: string, { sub, exp, nbf, ...claims }: JWTPayload): Verified {
    if (typeof sub !== 'string' || !userIdPattern.test(sub) || exp === undefined) {
      return { code: 'invalid', reason: "The token's sub is missing or not acceptable." };
    }
    const operator = hasScope(claims, 'operator');
    const caller: Caller = { userId: sub, operator, expiresAt: exp * 1_000 };
    cache.set(authorization, { caller, notBeforeMs: (nbf ?? 0) * 1_000 });
    return { code: 'verified', caller };
  }

  return {
    known(authorization) {
      if (authorization === undefined) return undefined;
      const entry = cache.get(authorization);
      if (entry === undefined) return undefined;
      const now = clock.now();
      if (now < entry.caller.expiresAt && now >= entry.notBeforeMs) return entry.caller;
      cache.delete(authorization);
      return undefined;
    },

    verify(authorization) {
      if (authorization === undefined) return { code: 'missing' };
      if (authorization.length > tokenLengthMax) {
        return { code: 'invalid', reason: 'The token is too long.' };
      }
      const token = bearer.exec(authorization)?.[1];
      if (token === undefined) return { code: 'missing' };
      try {
        const payload = check(token);
        return payload instanceof Promise
          ? payload.then((checked) => accept(authorization, checked)).catch(failure)
          : accept(authorization, payload);
      } catch (error) {
        return failure(error);
      }
    },
  };
}

/** Lifetime of a development token, seconds. */
export const devTokenLifeSeconds = 86_400;

/** Signs tokens for development (API.md "Development only"). */
export function createTokenSigner(
  options: { readonly audience: string; readonly secret: string },
  clock: Pick<Clock, 'now'>,
): (claims: {
  userId: string;
  name?: string | undefined;
  scopes: readonly string[];
}) => Promise<string> {
  const key = secretKey(options.secret);
  return ({ userId, name, scopes }) => {
    const issuedAt = Math.floor(clock.now() / 1_000);
    const payload: JWTPayload = {};
    if (name !== undefined) payload['name'] = name;
    if (scopes.length > 0) payload['scope'] = scopes.join(' ');
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(userId)
      .setAudience(options.audience)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + devTokenLifeSeconds)
      .sign(key);
  };
}
