import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptAuthSecret } from '../../engine/auth-secret.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hongbao-secret-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a secret is made once, kept, and closed to others', async () => {
  const dataDir = join(folder, 'data');
  const secrets = await Promise.all([keptAuthSecret(dataDir), keptAuthSecret(dataDir)]);
  expect(new Set([...secrets, await keptAuthSecret(dataDir)]).size).toBe(1);
  expect(Buffer.byteLength(secrets[0])).toBeGreaterThanOrEqual(32);
  expect((await stat(join(dataDir, 'auth-secret'))).mode & 0o777).toBe(0o600);
});

test('a secret that others can read or that is too short is refused', async () => {
  await keptAuthSecret(folder);
  await chmod(join(folder, 'auth-secret'), 0o644);
  await expect(keptAuthSecret(folder)).rejects.toThrow(/^AUTH_SECRET .*chmod 600/);
  await chmod(join(folder, 'auth-secret'), 0o600);
  await writeFile(join(folder, 'auth-secret'), 'short\n');
  await expect(keptAuthSecret(folder)).rejects.toThrow(/^AUTH_SECRET .*too short/);
});
