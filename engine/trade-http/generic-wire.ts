/** Shapes of deploy/trade-platform-api.md. Strict where a mistake could show the wrong thing, else what is unknown is passed over. */
import { z } from 'zod';
import {
  platformCategoriesMax,
  platformCategoryLengthMax,
  platformCursorLengthMax,
  platformIdLengthMax,
  platformPageTrades,
  platformPushTradesMax,
  platformSessionLengthMax,
  platformTitleLengthMax,
  platformUrlLengthMax,
  userIdPattern,
} from '../limits.ts';
import type { Malformed, PlatformTrade } from '../ports/trade-platform.ts';
import { malformed, reasonOf } from './replies.ts';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

export const loginAnswer = z.object({
  session: z.string().min(1).max(platformSessionLengthMax),
  expiresAt: time.optional(),
});

export const refusalAnswer = z.object({ code: z.string().max(64) });

/** Trades are looked at one by one. */
export const pageAnswer = z.object({
  trades: z.array(z.unknown()).max(platformPageTrades),
  cursor: z
    .string()
    .min(1)
    .max(platformCursorLengthMax)
    // It is kept in the database.
    .refine((text) => text.isWellFormed() && !text.includes('\0')),
  more: z.boolean(),
});

/** The delivery's id is inside of what is signed: a replay cannot call itself a new one. */
export const push = z.object({
  delivery: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  /** Of the mapping; left out on path C. */
  userId: z.string().regex(userIdPattern).optional(),
  trades: z.array(z.unknown()).min(1).max(platformPushTradesMax),
});

const trade = z.strictObject({
  id: z.string().min(1).max(platformIdLengthMax),
  account: z.string().min(1).max(platformIdLengthMax),
  title: z.string().min(1).max(platformTitleLengthMax),
  categories: z.array(z.string().max(platformCategoryLengthMax)).max(platformCategoriesMax),
  price: z.int(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  url: z.string().max(platformUrlLengthMax),
  at: time,
});

export interface ReadTrades {
  readonly trades: PlatformTrade[];
  readonly malformed: Malformed[];
}

export function readTrades(items: readonly unknown[]): ReadTrades {
  const read: ReadTrades = { trades: [], malformed: [] };
  for (const item of items) {
    const parsed = trade.safeParse(item);
    if (parsed.success) read.trades.push(parsed.data);
    else read.malformed.push(malformed(item, reasonOf(parsed.error)));
  }
  return read;
}
