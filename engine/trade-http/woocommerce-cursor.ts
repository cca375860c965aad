/**
 * Going through a shop's orders by the second they were modified in, so that none is left out: the API has no other
 * order that a changed order gets a new place in, and knows seconds only.
 *
 * `from`: all modified before this second has been told. `seen` is there while one single second holds more than a
 * page: those of it that have been told; only then are orders excluded, and only within that second, for an order that
 * changes later is news again.
 */
import { z } from 'zod';
import { platformCursorLengthMax, platformOverlapMs } from '../limits.ts';

const secondMs = 1_000;

export interface OrdersCursor {
  /** Milliseconds since the epoch, a whole second. */
  readonly from: number;
  readonly seen: readonly number[];
}

export interface Modified {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const schema = z.strictObject({ from: z.int(), seen: z.array(z.int()).default([]) });

export function readCursor(text: string): OrdersCursor | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where it would be too long to be kept */
export function writeCursor({ from, seen }: OrdersCursor): string | undefined {
  const text = JSON.stringify({ from, ...(seen.length === 0 ? {} : { seen }) });
  return text.length <= platformCursorLengthMax ? text : undefined;
}

/** As the API's date parameters want it. */
export function gmtText(time: number): string {
  return new Date(time).toISOString().slice(0, 19);
}

/** Both bounds of the API are exclusive. */
export function boundsOf({ from, seen }: OrdersCursor): Record<string, string> {
  return {
    modified_after: gmtText(from - secondMs),
    ...(seen.length === 0
      ? {}
      : { modified_before: gmtText(from + secondMs), exclude: seen.join(',') }),
  };
}

/** Neither bounds nor order of the answer are what was asked for: an older shop passes over what it does not know. */
export function isAsAsked({ from }: OrdersCursor, orders: readonly Modified[]): boolean {
  return orders.every(({ at }, index) => at >= from && at >= (orders[index - 1]?.at ?? at));
}

/**
 * @param orders of one page, as asked
 * @param isLast nothing comes behind this page
 * @param shopNow the shop's clock, where it tells
 */
export function cursorAfter(
  cursor: OrdersCursor,
  orders: readonly Modified[],
  isLast: boolean,
  shopNow: number | undefined,
): OrdersCursor {
  const last = orders.at(-1)?.at;
  const { from, seen } = cursor;
  if (!isLast && last !== undefined) {
    if (last > from) return { from: last, seen: [] };
    return { from, seen: [...seen, ...orders.map(({ id }) => id)] };
  }
  // The second that was too large for a page is through.
  if (seen.length > 0) return { from: from + secondMs, seen: [] };
  if (last === undefined) return cursor;
  // Told again until it cannot be overtaken any more; who takes the trades knows them by their ids.
  const settled = (shopNow ?? last) - platformOverlapMs;
  return { from: Math.min(last + secondMs, settled), seen: [] };
}
