import { createServer } from 'node:net';

/** `port` when nobody on this machine listens there, else any that is free. */
export async function freePortNear(port: number): Promise<number> {
  return (await listens(port)) ?? (await listens(0)) ?? port;
}

/** The port that could be listened on; undefined when it is taken. */
function listens(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = typeof address === 'object' ? address?.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
