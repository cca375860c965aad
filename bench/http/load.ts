/**
 * The load process: autocannon, every request another receiver's claim. Requests are put together from three prepared
 * pieces; autocannon's own `setupRequest` would build each one from objects and be the bottleneck.
 */
import autocannon from 'autocannon';
import type { FromLoad, LoadBatch, LoadResult, ToLoad } from './load-protocol.ts';
import { receiverName, signToken } from './tokens.ts';

/** autocannon asks its client for the bytes of the next request; the types do not tell. */
interface RequestSource {
  getRequestBuffer(): Buffer;
}

const timeoutSeconds = 20;
const send = (message: FromLoad) => process.send?.(message);
let authorizations: readonly string[] = [];

/** Claims in order: every receiver in the first batch, then every receiver in the next. */
function claims(url: string, batches: readonly LoadBatch[], onExhausted: () => void): () => Buffer {
  const { host } = new URL(url);
  const parts = batches.map(({ id, key }) => {
    const body = JSON.stringify({ key });
    return {
      head: `POST /v1/batches/${id}/claims?open=true HTTP/1.1\r\nHost: ${host}\r\n`,
      tail: `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    };
  });
  let batch = 0;
  let receiver = 0;
  return () => {
    if (receiver === authorizations.length) {
      receiver = 0;
      batch += 1;
      if (batch === parts.length) onExhausted();
    }
    const { head, tail } = parts[batch % parts.length] ?? { head: '', tail: '' };
    const authorization = authorizations[receiver] ?? '';
    receiver += 1;
    return Buffer.from(`${head}${authorization}${tail}`, 'latin1');
  };
}

async function run(order: Extract<ToLoad, { kind: 'run' }>): Promise<LoadResult> {
  let exhausted = false;
  const next = claims(order.url, order.batches, () => {
    exhausted = true;
  });
  const cpuBefore = process.cpuUsage();
  const result = await autocannon({
    url: order.url,
    connections: order.connections,
    timeout: timeoutSeconds,
    ...(order.seconds === undefined
      ? { amount: authorizations.length }
      : { duration: order.seconds }),
    setupClient(client) {
      (client as unknown as RequestSource).getRequestBuffer = next;
    },
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  // One more request is prepared than `amount` asks for, which is never sent.
  if (exhausted && order.seconds !== undefined) throw new Error('there were too few batches');
  const statuses = Object.entries(result.statusCodeStats ?? {});
  return {
    requests: result.requests.total,
    sent: result.requests.sent,
    seconds: (result.finish.getTime() - result.start.getTime()) / 1_000,
    statuses: Object.fromEntries(statuses.map(([status, { count }]) => [status, count ?? 0])),
    errors: result.errors + result.timeouts,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuSeconds: (user + system) / 1e6,
  };
}

process.on('message', (order: ToLoad) => {
  if (order.kind === 'prepare') {
    authorizations = Array.from(
      { length: order.receivers },
      (_, i) => `Authorization: Bearer ${signToken(order.secret, receiverName(i))}\r\n`,
    );
    send({ kind: 'ready' });
    return;
  }
  run(order).then(
    (result) => send({ kind: 'done', result }),
    (error: unknown) => send({ kind: 'failed', reason: String(error) }),
  );
});
// The benchmark is gone.
process.on('disconnect', () => process.exit());
