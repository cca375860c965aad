/** The two helper processes: the load generator and the bare server. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Cleanup } from '../support/cleanup.ts';
import type { FromLoad, LoadResult, ToLoad } from './load-protocol.ts';

function start(file: string, cleanup: Cleanup): ChildProcess {
  // Its own session: Ctrl-C is for us.
  const child = fork(join(import.meta.dirname, file), { detached: true });
  const exited = once(child, 'exit');
  cleanup.add(() => {
    child.kill();
    return exited;
  });
  return child;
}

async function nextMessage<T>(child: ChildProcess): Promise<T> {
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

export interface Load {
  run(order: Omit<Extract<ToLoad, { kind: 'run' }>, 'kind'>): Promise<LoadResult>;
}

/** Starts the load process and lets it make the receivers' tokens. */
export async function startLoad(
  secret: string,
  receivers: number,
  cleanup: Cleanup,
): Promise<Load> {
  const child = start('load.ts', cleanup);
  const ask = async (order: ToLoad): Promise<FromLoad> => {
    const answer = nextMessage<FromLoad>(child);
    child.send(order);
    return answer;
  };
  await ask({ kind: 'prepare', secret, receivers });
  return {
    async run(order) {
      const answer = await ask({ kind: 'run', ...order });
      if (answer.kind === 'done') return answer.result;
      throw new Error(answer.kind === 'failed' ? `load: ${answer.reason}` : 'load: unexpected');
    },
  };
}

/** The bare Hono server; resolves when it listens. */
export async function startBare(cleanup: Cleanup): Promise<{ url: string; pid: number }> {
  const child = start('bare.ts', cleanup);
  const { port } = await nextMessage<{ readonly port: number }>(child);
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0 };
}
