/**
 * A bank, a sender of codes and a trade platform for development: a thread of `npm start` there, or a process
 * (`npm run sandbox`). It pays nobody, so it refuses to run in production.
 */
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { EnvironmentReader } from '../../engine/environment.ts';
import type { FromThread, SandboxData, ToThread } from '../../engine/threads/protocol.ts';
import { createSandbox } from './server.ts';

const portDefault = 8_081;
const portMax = 65_535;

if (process.env['NODE_ENV'] === 'production') {
  process.stderr.write('NODE_ENV is production: the sandbox pays nobody\n');
  process.exit(1);
}

async function start({ port, file }: SandboxData, token?: string) {
  const sandbox = createSandbox({ file, token });
  // This machine only: the outbox shows codes to whoever asks.
  sandbox.server.listen(port, '127.0.0.1');
  await once(sandbox.server, 'listening');
  return sandbox;
}

async function runAsThread(): Promise<void> {
  const sandbox = await start(workerData as SandboxData);
  const send = (message: FromThread) => parentPort?.postMessage(message);
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'ask') send({ kind: 'told', id: message.id, value: undefined });
    else if (message.kind === 'drain') {
      void sandbox.close().finally(() => {
        send({ kind: 'drained' });
        parentPort?.close();
      });
    }
  });
  send({ kind: 'serving' });
}

async function runAsProcess(): Promise<void> {
  const read = new EnvironmentReader(process.env);
  const port = read.integer('SANDBOX_PORT', { min: 1, max: portMax }) ?? portDefault;
  const file =
    read.text('SANDBOX_FILE') ?? join(read.text('DATA_DIR') ?? './data', 'sandbox.jsonl');
  const sandbox = await start({ port, file: resolve(file) }, read.text('BANK_TOKEN'));
  process.stdout.write(`sandbox: http://localhost:${port}/outbox\n`);
  process.stdout.write(`BANK_URL=http://localhost:${port}/bank\n`);
  process.stdout.write(`CODE_SENDER_URL=http://localhost:${port}/codes\n`);
  process.stdout.write(`trade platform: http://localhost:${port}/generic, told at /control\n`);
  const stop = () => void sandbox.close().finally(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

if (isMainThread) {
  runAsProcess().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
} else await runAsThread();
