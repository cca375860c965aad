/**
 * What this benchmark needs of autocannon's client and its types do not tell. One request of a connection goes out by
 * `_doRequest`, which asks `getRequestBuffer` for its bytes: at the start, and after each answer.
 */
import type { Client } from 'autocannon';

export interface LoadClient extends Pick<Client, 'on'> {
  getRequestBuffer(): Buffer;
  _doRequest(): void;
  readonly parser: {
    /** Takes what came from the socket. */
    execute: (chunk: Buffer) => void;
    readonly 2: (head: { readonly statusCode: number; readonly headers: object }) => void;
    readonly 3: (chunk: Buffer, start: number, length: number) => void;
    readonly 4: () => void;
  };
  readonly requestIterator: {
    /** Is shown each answer's body before the next request goes out. */
    recordBody: (request: unknown, status: number, text: string) => void;
  };
}

export function asLoadClient(client: Client): LoadClient {
  return client as unknown as LoadClient;
}
