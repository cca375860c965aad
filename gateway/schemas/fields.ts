/** Schemas of single fields, shared by requests, answers and OpenAPI. No coercion anywhere. */
import { z } from 'zod';
import {
  amountMax,
  assetPattern,
  batchIdPattern,
  countMax,
  countMin,
  expiresInSecondsMax,
  expiresInSecondsMin,
  greetingLengthMax,
  idempotencyKeyPattern,
  pageSizeMax,
  referencePattern,
  userIdPattern,
} from '../../engine/limits.ts';

/** Minor units, 1 … 2^53−1. */
export const amount = z
  .int(`must be an integer from 1 to ${amountMax}`)
  .min(1, 'must be at least 1')
  .max(amountMax, `must be at most ${amountMax}`)
  .meta({ description: "Integer in the asset's minor unit (CNY: fen)." });

export const asset = z
  .string('must be a string')
  .regex(assetPattern, `must match ${assetPattern.source}`)
  .meta({ description: 'Asset code, e.g. CNY, points, coupon:tea-2026. (E18)' });

export const userId = z
  .string('must be a string')
  .regex(userIdPattern, `must match ${userIdPattern.source}`);

/** The largest id Postgres can hold; a longer one cannot be a batch, so it is not looked for. */
const batchIdMax = '9223372036854775807';
export const batchId = z
  .string()
  .regex(batchIdPattern)
  .refine((id) => id.length < batchIdMax.length || id <= batchIdMax)
  .meta({ description: 'Batch id, a decimal string. (E5)' });

export const packetId = z
  .string('must be a string')
  .regex(/^[1-9][0-9]{0,18}-[1-9][0-9]{0,9}$/, 'is not a packet id')
  .meta({ description: '`<batch id>-<packet number>`.' });

export const reference = z
  .string('must be a string')
  .regex(referencePattern, 'must be 1 to 128 visible ASCII characters');

/** Its format; what it means is the operator's. */
export const idempotencyKey = z
  .string()
  .regex(idempotencyKeyPattern, 'must be 1 to 128 visible ASCII characters');

export const count = z
  .int(`must be an integer from ${countMin} to ${countMax}`)
  .min(countMin, `must be at least ${countMin}`)
  .max(countMax, `must be at most ${countMax}`)
  .meta({ description: 'Number of packets. (E1)' });

export const expiresIn = z
  .int(`must be an integer from ${expiresInSecondsMin} to ${expiresInSecondsMax}`)
  .min(expiresInSecondsMin, `must be at least ${expiresInSecondsMin}`)
  .max(expiresInSecondsMax, `must be at most ${expiresInSecondsMax}`)
  .meta({ description: 'Seconds from confirmation to expiry.' });

/**
 * What a greeting may not hold: C0 and C1 controls (line breaks and tabs too), line and paragraph
 * separators, bidi embeddings, overrides and isolates (they make shown text lie about its order), and
 * lone surrogates (no UTF-8). Joiners and direction marks stay: emoji and right-to-left text need them.
 */
const forbiddenInGreeting = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;

export const greeting = z
  .string('must be a string')
  .refine((text) => [...text].length <= greetingLengthMax, {
    message: `must be at most ${greetingLengthMax} characters`,
  })
  .refine((text) => !forbiddenInGreeting.test(text) && text.isWellFormed(), {
    message: 'must not hold control or direction-changing characters',
  })
  .meta({ maxLength: greetingLengthMax, description: 'Plain text, kept exactly as sent.' });

export const channel = z.enum(['im', 'group', 'feed', 'microblog', 'qr']);
export const mode = z.enum(['lucky', 'fixed']);
export const batchStatus = z.enum(['awaiting_confirmation', 'active', 'exhausted', 'expired']);

/** RFC 3339, UTC, in answers. */
export const time = z.string().meta({ format: 'date-time' });
/** Count or amount in an answer, 0 allowed. */
export const quantity = z.int().min(0);

// Query parameters: all are strings.
export const after = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'is not a position')
  .meta({ description: 'Waits until this `position` is settled; 503 after 5 s.' });
export const cursor = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'is not a cursor')
  .meta({ description: '`next` of the page before.' });
export const pageLimit = z
  .string()
  .regex(/^[1-9][0-9]{0,2}$/, `must be an integer from 1 to ${pageSizeMax}`)
  .refine((text) => Number(text) <= pageSizeMax, {
    message: `must be an integer from 1 to ${pageSizeMax}`,
  })
  .meta({ description: `Entries per page, at most ${pageSizeMax}.` });
/** A key of another form cannot be right; it is compared, never refused as malformed. */
export const linkKey = z
  .string('must be a string')
  .max(256, 'must be at most 256 characters')
  .meta({ description: "The link's key, `k` of the receive link." });
export const flag = z.enum(['true', 'false'], 'must be true or false');
