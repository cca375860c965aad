/** `GET /v1/stream`: the caller's pushes as server-sent events. (E5, E12, ¶144–147) */
import { z } from 'zod';
import { pushTypes } from '../../engine/push/port.ts';
import type { AppDeps } from '../deps.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import { assertNever } from '../http.ts';

const numberPattern = /^(0|[1-9][0-9]{0,15})$/;
const number = z
  .string()
  .regex(numberPattern, 'must be the id of an event of this stream')
  .refine((text) => Number.isSafeInteger(Number(text)), {
    message: 'must be the id of an event of this stream',
  });
const headerName = 'Last-Event-ID';

const description = `
Each event has \`id\` (1, 2, 3 … per user, without a gap), \`event\` (its type) and one line of JSON as \`data\`.
Types: ${pushTypes.map((type) => `\`${type}\``).join(', ')}. Take types you do not know for news to ignore.

- **\`stream.opened\`** comes first, at once. Whatever becomes true after it will come. Its \`id\` is the number the stream
  goes on from: keep it as the last id, then even a client that dies before its first event resumes without a gap.
  \`data\`: \`{"newest": n}\`, the newest number there is.
- **Resuming:** send the last id as \`${headerName}\` (or \`lastEventId\`; the header counts when both are there): all later
  events come, in order, each once, from any node. Without it the stream begins with what happens from now on.
- **\`stream.reset\`** tells that events after the last id are not there any more (it is too old, or larger than the newest
  number): read the pages that are shown again. Its \`id\` is the number the stream goes on from, \`data\`: \`{"newest": id}\`.
- **Comments** (\`:\`) come every 15 seconds when nothing else does.
- The stream ends when the token expires, when the client reads too slowly, and when the node shuts down. Come again after
  the time in \`retry:\`, with the last id and a token that is valid.
- The token goes into the \`Authorization\` header and nowhere else: in a URL it would end up in logs. A browser's
  \`EventSource\` cannot set headers, so read the stream with \`fetch\`, or an event source made on top of it.`.trim();

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx would collect it.
  'x-accel-buffering': 'no',
} as const;

export function streamRoutes({ streams }: Pick<AppDeps, 'streams'>): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/stream',
      tag: 'Stream',
      summary: "The caller's events as they happen (server-sent events)",
      description,
      auth: 'user',
      direct: true,
      ownDeadline: true,
      headers: {
        [headerName]: number.meta({ description: 'Id of the last event that the client has.' }),
      },
      query: {
        lastEventId: number.meta({ description: `For clients that cannot set \`${headerName}\`.` }),
      },
      answers: {
        200: { description: 'Events, until one side ends it.', contentType: 'text/event-stream' },
      },
      problems: ['too_many_streams', 'overloaded', 'not_ready', 'stream_delayed', 'unknown'],
      async handle({ caller, requestId, query, headers: given }) {
        const last = (given[headerName] as string | undefined) ?? query.lastEventId;
        const { userId, expiresAt } = caller;
        const after = last === undefined ? undefined : Number(last);
        const opening = await streams.open({ userId, expiresAt, after });
        switch (opening.code) {
          case 'opened': {
            const { head, goesOn } = opening;
            const all = { ...headers, 'x-request-id': requestId };
            return { status: 200, headers: all, body: head, goesOn };
          }
          case 'too_many_streams':
          case 'stream_delayed':
            return problem(requestId, opening.code, { retryAfterSeconds: 5 });
          case 'not_ready':
          case 'overloaded':
          case 'unknown':
            return problem(requestId, opening.code, { retryAfterSeconds: 1 });
          default:
            return assertNever(opening);
        }
      },
    }),
  ];
}
