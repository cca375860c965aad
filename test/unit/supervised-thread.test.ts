/** A thread that hangs does not hold up who asks it. */
import { expect, it } from 'vitest';
import { createLogger } from '../../engine/adapters/log.ts';
import { threadAnswerTimeoutMs } from '../../engine/limits.ts';
import { SupervisedThread } from '../../engine/threads/supervised-thread.ts';

/** Answers about its status, never about its metrics. */
const halfDeaf = `
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ kind, id, what }) => {
    if (kind === 'ask' && what === 'status') parentPort.postMessage({ kind: 'told', id, value: 7 });
  });
  parentPort.postMessage({ kind: 'serving' });`;

it('is given up after a while by who asks it, and asked again', async () => {
  const thread = new SupervisedThread({
    name: 'half-deaf',
    entry: new URL(`data:text/javascript,${encodeURIComponent(halfDeaf)}`),
    workerData: () => undefined,
    logger: createLogger('silent', 'test'),
    onMessage: () => undefined,
    onDeath: () => undefined,
  });
  await thread.start();
  const startedAt = performance.now();
  const metrics = thread.ask('metrics');
  expect(await thread.ask('status')).toBe(7);
  expect(await metrics).toBeUndefined();
  expect(performance.now() - startedAt).toBeLessThan(2 * threadAnswerTimeoutMs);
  expect(await thread.ask('status')).toBe(7);

  // Whoever asks while it ends gets a word as well.
  const late = thread.ask('metrics');
  await thread.close(0).catch(() => undefined);
  expect(await late).toBeUndefined();
}, 20_000);
