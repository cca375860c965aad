/** The load process: autocannon on one core, with requests and clock of our own. */
import autocannon from 'autocannon';
import { Samples } from '../support/stats.ts';
import { readCheaply } from './answers.ts';
import { asLoadClient } from './client.ts';
import { Pace } from './pace.ts';
import type { FromLoad, LoadOrder, LoadResult, ToLoad } from './protocol.ts';
import { requestBytesMax, requestsOf } from './requests.ts';
import { type Authorizations, authorizationsFor } from './tokens.ts';

const timeoutSeconds = 20;
/** Autocannon looks so often whether it is done. */
const sampleMs = 100;
/** Connections are made and the first requests of all of them come at once: latencies count from here on. */
const settlingMs = 500;
const send = (message: FromLoad) => process.send?.(message);
let secret = '';
let tokens: Authorizations = { count: 0, width: 0, bytes: Buffer.alloc(0) };

async function run({ url, connections, traffic, limit, rate }: LoadOrder): Promise<LoadResult> {
  const source = requestsOf(url, traffic, tokens, secret);
  const pace = rate === undefined ? undefined : new Pace(rate);
  const latencies = new Samples();
  const early = new Samples();
  const statuses: Record<string, number> = {};
  let sent = 0;
  let answers = 0;
  let lastAnswerMs = 0;
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const result = await autocannon({
    url,
    connections,
    timeout: timeoutSeconds,
    sampleInt: sampleMs,
    ...('seconds' in limit ? { duration: limit.seconds } : { amount: limit.requests }),
    setupClient(autocannonClient) {
      const client = asLoadClient(autocannonClient);
      readCheaply(client, traffic.kind === 'lifecycle');
      const buffer = Buffer.allocUnsafeSlow(requestBytesMax);
      const writeNext = source.forClient(client);
      client.getRequestBuffer = () => {
        sent += 1;
        return buffer.subarray(0, writeNext(buffer));
      };
      const due = pace?.adopt(client);
      client.on('response', (status: number, _bytes: number, tookMs: number) => {
        lastAnswerMs = performance.now();
        const beganMs = due?.() ?? lastAnswerMs - tookMs;
        const samples = beganMs > startedMs + settlingMs ? latencies : early;
        samples.add(lastAnswerMs - beganMs);
        answers += 1;
        statuses[status] = (statuses[status] ?? 0) + 1;
      });
    },
  });
  pace?.stop();
  const { user, system } = process.cpuUsage(cpuBefore);
  if (source.exhausted()) {
    throw new Error('there were too few batches');
  }
  // A short round of a slow server has nothing else.
  const counted = latencies.count === 0 ? early : latencies;
  return {
    requests: answers,
    sent,
    seconds: (lastAnswerMs - startedMs) / 1_000,
    lastAnswerAt: performance.timeOrigin + lastAnswerMs,
    statuses,
    errors: result.errors + result.timeouts,
    p50Ms: counted.quantile(0.5),
    p99Ms: counted.quantile(0.99),
    p999Ms: counted.quantile(0.999),
    cpuSeconds: (user + system) / 1e6,
  };
}

process.on('message', (message: ToLoad) => {
  if (message.kind === 'prepare') {
    ({ secret } = message);
    tokens = authorizationsFor(secret, message.receivers);
    send({ kind: 'ready' });
    return;
  }
  run(message.order).then(
    (result) => send({ kind: 'done', result }),
    (error: unknown) => send({ kind: 'failed', reason: String(error) }),
  );
});
// The benchmark is gone.
process.on('disconnect', () => process.exit());
