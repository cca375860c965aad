/** A whole life in five requests, one connection each: create, confirm, audience, claim, open. The sender claims. */
import type { LoadClient } from './client.ts';
import { signToken } from './tokens.ts';

/** Connections beyond this share a sender. */
export const lifecycleSenders = 256;
export const lifeTotal = 200;

export function lifecycleSender(index: number): string {
  return `sender-${index % lifecycleSenders}`;
}

const createBody = JSON.stringify({ mode: 'lucky', count: 2, total: lifeTotal });
const audienceBody = JSON.stringify({ channel: 'im', anyone: true });

/** Gives, for one connection, the function that writes its next request. */
export function lives(host: string, secret: string): (client: LoadClient) => (b: Buffer) => number {
  let clients = 0;
  return (client) => {
    const token = signToken(secret, lifecycleSender(clients));
    clients += 1;
    let step = 0;
    let id = '';
    let key = '';
    client.requestIterator.recordBody = (_request, _status, text) => {
      // The step that was answered is the one before the next.
      if (step === 1) id = textField(text, 'id');
      else if (step === 2) key = textField(text, 'link').split('?k=')[1] ?? '';
    };
    const steps = [
      () => ({ path: '/v1/batches', body: createBody }),
      () => ({ path: `/v1/batches/${id}/confirm`, body: '' }),
      () => ({ path: `/v1/batches/${id}/audience`, body: audienceBody }),
      () => ({ path: `/v1/batches/${id}/claims`, body: JSON.stringify({ key }) }),
      () => ({ path: `/v1/batches/${id}/open`, body: '' }),
    ];
    return (buffer) => {
      const { path, body } = steps[step % steps.length]?.() ?? { path: '', body: '' };
      step = (step % steps.length) + 1;
      const type = body === '' ? '' : 'Content-Type: application/json\r\n';
      return buffer.write(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n` +
          `${type}Content-Length: ${body.length}\r\n\r\n${body}`,
        'latin1',
      );
    };
  };
}

/** A connection that broke, or an answer that is a problem, has none: the next request then fails and is counted. */
function textField(text: string, name: string): string {
  return new RegExp(`"${name}":"([^"]*)"`).exec(text)?.[1] ?? '';
}
