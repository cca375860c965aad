/** Bodies the gateway takes. Unknown fields are refused by name. */
import { z } from 'zod';
import { amountMax, audienceRequestMax, expiresInSecondsDefault } from '../../engine/limits.ts';
import type { FieldError } from '../problems.ts';
import type { BodySpec } from '../validate.ts';
import * as fields from './fields.ts';

type Raw = Readonly<Record<string, unknown>>;

const mustBeObject = 'must be a JSON object';

// Batches (E1, E2)
const batchCommon = {
  count: fields.count,
  asset: fields.asset.default('CNY'),
  greeting: fields.greeting.default(''),
  expiresIn: fields.expiresIn.default(expiresInSecondsDefault),
  oncePerReceiver: z
    .boolean('must be true or false')
    .default(true)
    .meta({ description: 'Whether a receiver gets at most one packet. (E11)' }),
};
const luckyBatch = z.strictObject(
  { mode: z.literal('lucky'), ...batchCommon, total: fields.amount },
  mustBeObject,
);
const fixedBatch = z.strictObject(
  { mode: z.literal('fixed'), ...batchCommon, each: fields.amount },
  mustBeObject,
);
/** Names the other fields' errors too when the mode is wrong; nothing passes it. */
const undecidedBatch = z.strictObject({
  mode: z.literal(['lucky', 'fixed'], 'must be lucky or fixed'),
  ...batchCommon,
  total: fields.amount.optional(),
  each: fields.amount.optional(),
});
const newBatch = z.union([luckyBatch, fixedBatch]);
export type NewBatchBody = z.output<typeof newBatch>;

function pickBatch(raw: Raw): z.ZodType<NewBatchBody> {
  if (raw['mode'] === 'lucky') return luckyBatch;
  if (raw['mode'] === 'fixed') return fixedBatch;
  return undecidedBatch as unknown as z.ZodType<NewBatchBody>;
}

/** Every packet holds at least one unit, and the sum stays an exact integer. */
function relateBatch(raw: Raw): readonly FieldError[] {
  const { mode, count, total, each } = raw;
  if (!fields.count.safeParse(count).success) return [];
  const packets = count as number;
  if (mode === 'lucky' && fields.amount.safeParse(total).success && (total as number) < packets) {
    return [{ field: 'total', message: 'must be at least count' }];
  }
  if (mode === 'fixed' && fields.amount.safeParse(each).success) {
    const sum = BigInt(packets) * BigInt(each as number);
    if (sum > BigInt(amountMax)) {
      return [{ field: 'each', message: `each × count must be at most ${amountMax}` }];
    }
  }
  return [];
}

/** `POST /v1/batches` */
export const createBatchBody: BodySpec<NewBatchBody> = {
  schema: newBatch,
  pick: pickBatch,
  relate: relateBatch,
  required: true,
};

// Audience (E7, E8)
const listedAudience = z.strictObject({
  channel: fields.channel,
  receivers: z
    .array(fields.userId, 'must be a list of user ids')
    .min(1, 'must name at least one user')
    .max(audienceRequestMax, `must name at most ${audienceRequestMax} users`),
});
const openAudience = z.strictObject({
  channel: fields.channel,
  anyone: z.literal(true, 'must be true when given'),
});
const audience = z.union([listedAudience, openAudience]);
export type AudienceBody = z.output<typeof audience>;

/** `POST /v1/batches/{id}/audience`: a list, or anyone who holds the link. */
export const audienceBody: BodySpec<AudienceBody> = {
  schema: audience,
  pick: (raw) =>
    Object.hasOwn(raw, 'anyone') && !Object.hasOwn(raw, 'receivers')
      ? openAudience
      : listedAudience,
  required: true,
};

// Claims (E11–E13)
const claim = z.strictObject({ key: fields.linkKey.optional() });
export type ClaimBody = z.output<typeof claim>;
/** `POST /v1/batches/{id}/claims` */
export const claimBody: BodySpec<ClaimBody> = { schema: claim, required: false };

const open = z.strictObject({ packetId: fields.packetId.optional() });
export type OpenBody = z.output<typeof open>;
/** `POST /v1/batches/{id}/open` */
export const openBody: BodySpec<OpenBody> = { schema: open, required: false };

const nothing = z.strictObject({});
/** `POST /v1/batches/{id}/confirm` (E3) */
export const emptyBody: BodySpec<z.output<typeof nothing>> = { schema: nothing, required: false };

// Operator
const deposit = z.strictObject({
  userId: fields.userId,
  asset: fields.asset,
  amount: fields.amount,
  reference: fields.reference,
});
/** `POST /v1/operator/deposits` */
export const depositBody: BodySpec<z.output<typeof deposit>> = { schema: deposit, required: true };

// Development
const devToken = z.strictObject({
  userId: fields.userId,
  name: z.string('must be a string').min(1).max(64).optional(),
  scopes: z.array(z.literal('operator', 'must be operator')).max(8).optional(),
});
/** `POST /v1/dev/tokens` */
export const devTokenBody: BodySpec<z.output<typeof devToken>> = {
  schema: devToken,
  required: true,
};
