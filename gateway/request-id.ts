/** Request ids: one per request, in answers, problems and the log. */
import type { Incoming } from './incoming.ts';

/** Letters that need no escaping in JSON, logs or headers. */
const sane = /^[A-Za-z0-9._~:-]{1,64}$/;

/** Gives each request an id: the caller's own when it is sane, else process prefix and counter. */
export function requestIds(
  randomBytes: (size: number) => Uint8Array,
): (incoming: Incoming) => string {
  const prefix = Buffer.from(randomBytes(6)).toString('base64url').replaceAll('_', '.');
  let count = 0;
  return (incoming) => {
    const given = incoming.header('x-request-id');
    if (given !== undefined && sane.test(given)) return given;
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
