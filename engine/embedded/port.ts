import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { writeFileDurably } from './files.ts';

/** Below what systems give to outgoing connections, so that it stays free between two runs. */
const portMin = 20_000;
const portMax = 32_767;
const attemptsMax = 100;

/**
 * The port of the last run when it is still free, else another, which is then remembered: a URL
 * copied into a tool keeps working.
 */
export async function keptPort(file: string): Promise<number> {
  const kept = Number(await readFile(file, 'utf8').catch(() => ''));
  if (Number.isInteger(kept) && kept > 0 && kept <= 65_535 && (await isFree(kept))) return kept;
  return otherPort(file);
}

/** A free port, remembered in place of the last one. */
export async function otherPort(file: string): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = randomInt(portMin, portMax + 1);
    if (!(await isFree(port))) continue;
    await writeFileDurably(file, `${port}\n`, 0o644);
    return port;
  }
  throw new Error(`DATA_DIR: no free port between ${portMin} and ${portMax}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
