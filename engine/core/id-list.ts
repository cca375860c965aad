/**
 * Lists of user ids. A long one travels as one text, ids parted by a space, which no id holds: 100,000 of them are then
 * one copy from thread to thread and into the journal instead of 100,000 objects. Written by hand it is an array.
 */
export interface JoinedIds {
  readonly joined: string;
}
export type Ids = JoinedIds | readonly string[];

const isJoined = (ids: Ids): ids is JoinedIds => 'joined' in ids;

export function idText(ids: Ids): string {
  return isJoined(ids) ? ids.joined : ids.join(' ');
}

export function joinedIds(ids: Ids): JoinedIds {
  return isJoined(ids) ? ids : { joined: ids.join(' ') };
}

export function idArray(ids: Ids): readonly string[] {
  if (!isJoined(ids)) return ids;
  return ids.joined === '' ? [] : ids.joined.split(' ');
}

export function countOf(ids: Ids): number {
  if (!isJoined(ids)) return ids.length;
  const { joined } = ids;
  let count = joined === '' ? 0 : 1;
  for (let at = joined.indexOf(' '); at !== -1; at = joined.indexOf(' ', at + 1)) count += 1;
  return count;
}

/** True when every id has a character: nothing was lost on the way. */
export function isWhole(ids: Ids): boolean {
  if (!isJoined(ids)) return ids.every((id) => typeof id === 'string' && id !== '');
  const { joined } = ids;
  return !(joined.startsWith(' ') || joined.endsWith(' ') || joined.includes('  '));
}

/** The list in pieces of at most `max` ids. */
export function* piecesOf(ids: Ids, max: number): Generator<Ids> {
  if (!isJoined(ids)) {
    for (let i = 0; i < ids.length; i += max) yield ids.slice(i, i + max);
    return;
  }
  const { joined } = ids;
  for (let start = 0; start < joined.length;) {
    let end = joined.indexOf(' ', start);
    for (let i = 1; i < max && end !== -1; i += 1) end = joined.indexOf(' ', end + 1);
    yield { joined: end === -1 ? joined.slice(start) : joined.slice(start, end) };
    if (end === -1) return;
    start = end + 1;
  }
}
