/** The walk-through of the README, run as written (only the address differs). */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startServer } from '../setup/server.ts';

const run = promisify(execFile);

/** The first shell block under the heading. */
function shellBlock(markdown: string, heading: string): string {
  const section = markdown.slice(markdown.indexOf(`\n## ${heading}\n`));
  const block = /```sh\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`no shell block under ${heading}`);
  return block;
}

it('the README walk-through works as written', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-readme-'));
  // The walk-through asks for everything that a new user has: no variable but the folder is set.
  const server = await startServer({ DATA_DIR: folder });
  try {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const script = shellBlock(readme, 'Walk-through').replace('http://localhost:8080', server.url);
    expect(script).toContain(server.url);
    const { stdout } = await run('bash', ['-euc', script.replaceAll('\ncall ', '\necho; call ')]);
    const answers = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [
      deposit,
      confirmed,
      audience,
      claimed,
      opened,
      repeated,
      accounts,
      batch,
      claims,
      audit,
    ] = answers;

    expect(deposit).toMatchObject({ account: 'user:anna', balance: 10_000 });
    expect(confirmed).toMatchObject({ status: 'active', total: 2_000 });
    expect(audience).toMatchObject({ receivers: 2, anyone: false });
    expect(claimed).toMatchObject({ receiverId: 'ben', status: 'claimed' });
    expect(opened).toMatchObject({ receiverId: 'ben', status: 'opened', asset: 'CNY' });
    const amount = Number(opened?.['amount']);
    expect(amount).toBeGreaterThanOrEqual(1);
    expect(repeated).toMatchObject({ repeated: true, amount, packetId: claimed?.['packetId'] });
    expect(accounts).toMatchObject({ items: [{ asset: 'CNY', balance: amount, held: 0 }] });
    expect(batch).toMatchObject({ claimed: 1, opened: 1, remaining: 4, openedAmount: amount });
    expect(claims).toMatchObject({ items: [{ receiverId: 'ben', status: 'opened', amount }] });
    expect(audit).toMatchObject({
      ok: true,
      assets: [{ asset: 'CNY', issued: 10_000, difference: 0 }],
    });
  } finally {
    await server.end('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
});
