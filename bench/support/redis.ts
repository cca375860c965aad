/** A Redis for measuring, where redis-server is installed; nothing is installed for a benchmark. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Path of redis-server, or undefined. */
export async function findRedisServer(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, 'redis-server');
    const there = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  return undefined;
}
