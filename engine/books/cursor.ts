/** Keyset cursors: base64url of a JSON list of integers, opaque to clients and checked on the way back. */

/** `parts` are safe integers or decimal strings. */
export function encodeCursor(parts: readonly (number | string)[]): string {
  return Buffer.from(JSON.stringify(parts.map(String))).toString('base64url');
}

const largest = 2n ** 63n - 1n;

/** The decimal strings of a cursor with that many parts, or undefined when it is not one of ours. */
export function decodeCursor(text: string, parts: number): readonly string[] | undefined {
  if (text.length > 200 || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!Array.isArray(list) || list.length !== parts) return undefined;
  return list.every(isDecimal) ? list : undefined;
}

function isDecimal(part: unknown): part is string {
  return typeof part === 'string' && /^(0|[1-9][0-9]{0,18})$/.test(part) && BigInt(part) <= largest;
}

/** Cuts the row that only told that there is more, and names the last one kept. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  cursorOf: (row: Row) => readonly (number | string)[],
): { readonly items: readonly Item[]; readonly next: string | undefined } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: kept.map(item), next: more ? encodeCursor(cursorOf(last)) : undefined };
}
