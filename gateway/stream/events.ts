/**
 * Pushes as server-sent events: `id`, `event` and one line of JSON each. JSON text holds no line break, so nothing needs
 * escaping. (E5, E12, ¶144–147)
 */
import type { Push } from '../../engine/push/port.ts';

export interface EventText {
  readonly no: number;
  readonly text: string;
  readonly bytes: number;
}

function event(no: number, type: string, data: object): string {
  return `id: ${no}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function pushEvent({ no, type, data }: Push): EventText {
  const text = event(no, type, data);
  return { no, text, bytes: Buffer.byteLength(text) };
}

/** A comment: keeps proxies and clients from taking the connection for dead. */
export const heartbeat = ': \n\n';

/**
 * The first event of every stream. Its id is where the stream goes on from, so that a client that dies before its first
 * push resumes as well.
 */
export const openedEvent = (from: number, newest: number): string =>
  event(from, 'stream.opened', { newest });

/** Pushes are missing that are no longer kept: the client reads its pages again and goes on from this number. */
export const resetEvent = (from: number): string => event(from, 'stream.reset', { newest: from });

/** How long clients wait before they come again. */
export const retryLine = (delayMs: number): string => `retry: ${delayMs}\n\n`;
