/**
 * Answers read cheaply. Autocannon's parser takes every header apart in JavaScript, on a core that it shares with what
 * is measured. Nearly every answer comes in one piece with its length in a header: then status and length are all there
 * is to know. A connection on which anything else comes is read by autocannon's own parser from then on.
 */
import type { LoadClient } from './client.ts';

/** Keys under which http-parser-js keeps its callbacks. */
const onHeadersComplete = 2;
const onBody = 3;
const onMessageComplete = 4;

const version = 'HTTP/1.1 ';
const headEnd = '\r\n\r\n';
/** Of `Content-Length` however it is written. A header that ends in the same way makes the sizes differ. */
const lengthMark = 'ength: ';
/** Heads here are far shorter. */
const headMax = 1_024;
const noHeaders = { headers: [] };

/** @param withBodies the client is shown each answer's body */
export function readCheaply({ parser }: LoadClient, withBodies: boolean): void {
  const parse = parser.execute.bind(parser);
  let plain = true;
  parser.execute = (chunk) => {
    if (!plain) {
      parse(chunk);
      return;
    }
    const head = chunk.toString('latin1', 0, headMax);
    const headLength = head.indexOf(headEnd) + headEnd.length;
    const length = bodyLength(head, headLength);
    plain = length >= 0 && head.startsWith(version) && chunk.length === headLength + length;
    if (!plain) {
      parse(chunk);
      return;
    }
    const statusCode = Number(head.slice(version.length, version.length + 3));
    parser[onHeadersComplete]({ statusCode, headers: noHeaders });
    if (withBodies) parser[onBody](chunk, headLength, length);
    parser[onMessageComplete]();
  };
}

/** −1: it is not in the head. */
function bodyLength(head: string, headLength: number): number {
  const mark = head.indexOf(lengthMark);
  if (mark < 0 || mark > headLength) return -1;
  const start = mark + lengthMark.length;
  return Number(head.slice(start, head.indexOf('\r\n', start)));
}
