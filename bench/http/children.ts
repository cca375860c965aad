/** Helper processes: the load generator, the bare server, peers and their drains. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FromLoad, LoadOrder, LoadResult, ToLoad } from '../load/protocol.ts';
import type { Cleanup } from '../support/cleanup.ts';

const benchFolder = join(import.meta.dirname, '..');

export interface Helper {
  readonly pid: number;
  stop(): Promise<unknown>;
}

/** @param file below bench/ */
export function startHelper(
  file: string,
  env: Readonly<Record<string, string>>,
  cleanup: Cleanup,
): Helper & { readonly child: ChildProcess } {
  // Its own session: Ctrl-C is for us.
  const options = { detached: true, env: { ...process.env, ...env } };
  const child = fork(join(benchFolder, file), options);
  const exited = once(child, 'exit');
  const stop = () => {
    child.kill();
    return exited;
  };
  cleanup.add(stop);
  return { child, pid: child.pid ?? 0, stop };
}

/** Rejects when the process ends before. */
export async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController();
  const { signal } = ended;
  try {
    const message = once(child, 'message', { signal }).then(([value]) => value as T);
    const exit = once(child, 'exit', { signal }).then(() => {
      throw new Error('a helper process ended');
    });
    return await Promise.race([message, exit]);
  } finally {
    // The one that lost rejects with this; nobody waits for it any more.
    ended.abort();
  }
}

/** A server on a port of its own; resolves when it listens. */
export async function startHelperServer(
  file: string,
  env: Readonly<Record<string, string>>,
  cleanup: Cleanup,
): Promise<Helper & { readonly url: string }> {
  const { child, ...helper } = startHelper(file, env, cleanup);
  const { port } = await nextMessage<{ readonly port: number }>(child);
  return { ...helper, url: `http://127.0.0.1:${port}` };
}

export interface Load {
  /** Makes the receivers' tokens, instead of those made before. */
  prepare(receivers: number): Promise<void>;
  run(order: LoadOrder): Promise<LoadResult>;
}

export function startLoad(secret: string, cleanup: Cleanup): Load {
  const { child } = startHelper('load/main.ts', {}, cleanup);
  const ask = async (message: ToLoad): Promise<FromLoad> => {
    const answer = nextMessage<FromLoad>(child);
    child.send(message);
    return answer;
  };
  return {
    async prepare(receivers) {
      await ask({ kind: 'prepare', secret, receivers });
    },
    async run(order) {
      const answer = await ask({ kind: 'run', order });
      if (answer.kind === 'done') return answer.result;
      throw new Error(answer.kind === 'failed' ? `load: ${answer.reason}` : 'load: unexpected');
    },
  };
}
