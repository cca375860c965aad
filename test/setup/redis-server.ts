/** A real Redis for the tests. */
import { asRoot, onPath, programOf } from './program.ts';

const packages = { 'apt-get': 'redis-server', apk: 'redis', dnf: 'redis', brew: 'redis' } as const;

/** Path of a `redis-server` program, installed first when the machine has none. @throws Error: set REDIS_URL instead */
export async function redisServerProgram(): Promise<string> {
  const known = await onPath('redis-server');
  if (known !== undefined) return known;
  const program = await programOf('redis-server', packages).catch((error: unknown) => {
    throw new Error('The tests need a real Redis: set REDIS_URL, or install one.', {
      cause: error,
    });
  });
  await stopService();
  return program;
}

/** Some packages start a system service; the tests run their own servers. */
async function stopService(): Promise<void> {
  if ((await onPath('systemctl')) === undefined) return;
  await asRoot('systemctl', ['systemctl', 'disable', '--now', 'redis-server']).catch(
    () => undefined,
  );
}
