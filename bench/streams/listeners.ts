/** Ten thousand clients of `GET /v1/stream` in a process of their own: bare sockets, so that they cost little. */
import { connect, type Socket } from 'node:net';
import { receiverName, signToken } from '../load/tokens.ts';
import { eachOf } from '../support/pool.ts';
import { type FromListeners, systemMs, type ToListeners } from './protocol.ts';

interface Listener {
  socket: Socket | undefined;
  /** Of the last event; a stream that is opened again resumes after it. */
  lastId: string | undefined;
  awaited: boolean;
}

/** Connections made at a time; the server's backlog is longer. */
const width = 200;
const listeners: Listener[] = [];
let awaited = 0;
let arrivals: number[] = [];
let heartbeats = 0;
let lost = 0;

const tell = (message: FromListeners) => process.send?.(message);

function take(listener: Listener, chunk: string): void {
  if (chunk.includes('\n: \n')) heartbeats += 1;
  const id = chunk.lastIndexOf('id: ');
  if (id !== -1) listener.lastId = /[0-9]+/.exec(chunk.slice(id))?.[0] ?? listener.lastId;
  if (!listener.awaited || !chunk.includes('event: message.created')) return;
  listener.awaited = false;
  arrivals.push(systemMs());
  awaited -= 1;
  if (awaited === 0) tell({ kind: 'delivered', atMs: arrivals });
}

function open(listener: Listener, port: number, token: string): Promise<void> {
  const resume = listener.lastId === undefined ? '' : `Last-Event-ID: ${listener.lastId}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    listener.socket = socket;
    socket.setEncoding('latin1').setNoDelay(true);
    let head = '';
    const onHead = (chunk: string) => {
      head += chunk;
      if (!head.includes('event: stream.opened')) {
        if (head.includes('problem+json')) reject(new Error(head));
        return;
      }
      socket.off('data', onHead);
      socket.on('data', (text: unknown) => take(listener, String(text)));
      take(listener, head);
      resolve();
    };
    socket.on('data', onHead);
    socket.on('error', reject);
    socket.on('close', () => {
      if (listener.socket === socket) lost += 1;
      reject(new Error('a stream was closed'));
    });
    socket.write(
      `GET /v1/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n${resume}\r\n`,
    );
  });
}

async function run(message: ToListeners): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const { port, secret, count } = message;
      const tokens = Array.from({ length: count }, (_, i) => signToken(secret, receiverName(i)));
      while (listeners.length < count) {
        listeners.push({ socket: undefined, lastId: undefined, awaited: false });
      }
      const startedMs = systemMs();
      await eachOf(listeners, width, (listener, i) => open(listener, port, tokens[i] ?? ''));
      tell({ kind: 'opened', seconds: (systemMs() - startedMs) / 1_000 });
      return;
    }
    case 'expect':
      arrivals = [];
      awaited = message.count;
      for (const listener of listeners.slice(0, message.count)) listener.awaited = true;
      tell({ kind: 'expecting' });
      return;
    case 'close':
      for (const listener of listeners) {
        const { socket } = listener;
        listener.socket = undefined;
        socket?.destroy();
      }
      tell({ kind: 'closed', heartbeats, lost });
      heartbeats = 0;
  }
}

process.on('message', (message: ToListeners) => {
  run(message).catch((error: unknown) => {
    process.stderr.write(`listeners: ${String(error)}\n`);
    process.exit(1);
  });
});
