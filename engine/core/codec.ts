/**
 * The journal payload: one line of ASCII without quotes or backslashes, so that wrapping it into JSON costs nothing.
 *
 *   <format>,<owner number>,<seq>,<shard> <shard> …;<event>;<event> …
 *
 * Fields are joined by `,`, records by `;`, lists by a space; user ids and batch ids contain none of them and
 * idempotency keys are percent-encoded.
 */
import { assert } from './assert.ts';
import { idText } from './id-list.ts';
import type { BatchEvent, Channel } from './types.ts';

export const payloadFormat = '1';

/** One journal job, decoded. */
export interface Payload {
  readonly number: number;
  readonly seq: number;
  readonly shards: readonly number[];
  readonly events: readonly BatchEvent[];
}

/** The payload was written by a version of this program that this one does not know: try later, never quarantine. */
export class UnknownPayloadFormat extends Error {
  override readonly name = 'UnknownPayloadFormat';
}

/** The text of one event inside a payload. */
export function encodeEvent(event: BatchEvent): string {
  const { batchId, version, at } = event;
  switch (event.kind) {
    case 'claimed': {
      const head = `c,${batchId},${version},${at},${event.packet},${event.receiverId},${event.amount ?? ''}`;
      const { tag } = event;
      return tag === undefined ? head : `${head},${encodeURIComponent(tag.key)},${tag.digest}`;
    }
    case 'opened':
      return `o,${batchId},${version},${at},${event.packet},${event.receiverId},${event.amount}`;
    case 'expired':
      return `e,${batchId},${version},${at},${event.refunded}`;
    case 'audience':
      return `a,${batchId},${version},${at},${event.channel},${event.anyone ? 1 : 0},${idText(event.receivers)}`;
  }
}

/** The payload of one job; `events` are texts of encodeEvent. */
export function encodePayload(
  number: number,
  seq: number,
  shards: Iterable<number>,
  events: readonly string[],
): string {
  return `${payloadFormat},${number},${seq},${[...shards].join(' ')};${events.join(';')}`;
}

function integer(text: string | undefined): number {
  const value = Number(text);
  const whole = text !== undefined && text !== '' && Number.isSafeInteger(value);
  // The message is made only for somebody to read it: this runs five times per event.
  if (!whole) assert(false, `payload: not an integer: ${text}`);
  return value;
}

function word(text: string | undefined): string {
  assert(text !== undefined && text !== '', 'payload: a field is missing');
  return text;
}

function words(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split(' ');
}

function decodeEvent(text: string, position: string): BatchEvent {
  const fields = text.split(',');
  const batchId = word(fields[1]);
  const version = integer(fields[2]);
  const at = integer(fields[3]);
  switch (fields[0]) {
    case 'c': {
      const key = fields[7];
      const tag =
        key === undefined ? undefined : { key: decodeURIComponent(key), digest: word(fields[8]) };
      return {
        kind: 'claimed',
        batchId,
        version,
        at,
        packet: integer(fields[4]),
        receiverId: word(fields[5]),
        amount: fields[6] === '' ? undefined : integer(fields[6]),
        tag,
        position: tag === undefined ? undefined : position,
      };
    }
    case 'o':
      return {
        kind: 'opened',
        batchId,
        version,
        at,
        packet: integer(fields[4]),
        receiverId: word(fields[5]),
        amount: integer(fields[6]),
      };
    case 'e':
      return { kind: 'expired', batchId, version, at, refunded: integer(fields[4]) };
    case 'a':
      return {
        kind: 'audience',
        batchId,
        version,
        at,
        channel: word(fields[4]) as Channel,
        anyone: fields[5] === '1',
        receivers: { joined: fields[6] ?? '' },
      };
    default:
      assert(false, `payload: unknown event kind ${fields[0]}`);
  }
}

/** @throws UnknownPayloadFormat for another format version, AssertionError for a damaged text */
export function decodePayload(text: string): Payload {
  const [head = '', ...records] = text.split(';');
  const [format, number, seq, shards] = head.split(',');
  // Anything but a number is damage, not a version: that would wait for ever in silence.
  assert(/^[1-9][0-9]{0,4}$/.test(format ?? ''), 'payload: no format version');
  if (format !== payloadFormat)
    throw new UnknownPayloadFormat(`payload format ${format} is not known here`);
  const position = `${number}-${seq}`;
  return {
    number: integer(number),
    seq: integer(seq),
    shards: words(shards).map(integer),
    events: records
      .filter((record) => record !== '')
      .map((record) => decodeEvent(record, position)),
  };
}

/** What can still be read of a damaged payload. */
export interface Salvaged {
  readonly events: readonly BatchEvent[];
  /** Records nobody can read, as they stand. */
  readonly unreadable: readonly string[];
}

/** Reads each record of a damaged payload by itself. */
export function salvagePayload(text: string): Salvaged {
  const [head = '', ...records] = text.split(';');
  const [, number, seq] = head.split(',');
  const events: BatchEvent[] = [];
  const unreadable: string[] = [];
  // Without a head the records may not be all there are.
  if (!/^[0-9]+,[0-9]+,[0-9]+,[0-9 ]*$/.test(head)) unreadable.push(head);
  for (const record of records) {
    try {
      if (record !== '') events.push(decodeEvent(record, `${number}-${seq}`));
    } catch {
      unreadable.push(record);
    }
  }
  return { events, unreadable };
}
