/** Request bodies: bounded, UTF-8, JSON, and exact about numbers. */
import type { Incoming } from './incoming.ts';
import { shownName } from './validate.ts';

export type BodyRead =
  | { readonly code: 'empty' }
  /** `latin1`: the same bytes one by one, a name for exactly these. */
  | { readonly code: 'bytes'; readonly bytes: Uint8Array; readonly latin1: string }
  | { readonly code: 'body_too_large' | 'unsupported_media_type' };

export type BodyParsed =
  | { readonly code: 'json'; readonly value: unknown }
  /** `field`: where the text left JSON, when that can be told. */
  | { readonly code: 'invalid_json'; readonly field: string | undefined };

const jsonType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Numbers as JavaScript writes them where JSON has none. */
const noNumber = /"([^"\\]{1,64})"\s*:\s*(?:[-+]?Infinity|NaN|undefined)\b/;
const mayHoldFloat = /[0-9][.eE]/;

/**
 * A float stays a float: `100.0`, `1e2` and `9007199254740990.7` are not integers here, though
 * JSON.parse would round them to some. They become NaN, which no integer schema takes.
 */
function keepFloatsFloat(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return Number.isInteger(value) && /[.eE]/.test(context.source) ? Number.NaN : value;
}

/** Parses JSON text; a text with floats takes the slower, exact way. */
function parse(text: string): BodyParsed {
  try {
    const value: unknown = mayHoldFloat.test(text)
      ? JSON.parse(text, keepFloatsFloat)
      : JSON.parse(text);
    return { code: 'json', value };
  } catch {
    const field = noNumber.exec(text)?.[1];
    return { code: 'invalid_json', field: field === undefined ? undefined : shownName(field) };
  }
}

/** Reads an announced body; rejects only when the client goes away while sending it. */
export async function readBody(incoming: Incoming): Promise<BodyRead> {
  const type = incoming.header('content-type');
  if (type !== undefined && type !== 'application/json' && !jsonType.test(type))
    return { code: 'unsupported_media_type' };
  const encoding = incoming.header('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') return { code: 'unsupported_media_type' };
  const bytes = await incoming.bytes();
  if (bytes === undefined) return { code: 'body_too_large' };
  if (bytes.byteLength === 0) return { code: 'empty' };
  const { buffer, byteOffset, byteLength } = bytes;
  return {
    code: 'bytes',
    bytes,
    latin1: Buffer.from(buffer, byteOffset, byteLength).toString('latin1'),
  };
}

/** What the body says. */
export function parseBody(bytes: Uint8Array): BodyParsed {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { code: 'invalid_json', field: undefined };
  }
  return parse(text);
}
