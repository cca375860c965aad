/** The walk-throughs of the README, run as written (only the addresses differ). */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { programOf } from '../setup/program.ts';
import { freePort, startServer } from '../setup/server.ts';

const run = promisify(execFile);

const installMsMax = 300_000;
/** The README says that they are needed. */
beforeAll(async () => {
  await programOf('curl', { 'apt-get': 'curl', apk: 'curl', dnf: 'curl' });
  await programOf('jq', { 'apt-get': 'jq', apk: 'jq', dnf: 'jq', brew: 'jq' });
}, installMsMax);

/** All shell blocks under the heading, as one script. */
function shellBlocks(markdown: string, heading: string): string {
  const [, section = ''] = markdown.split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const blocks = [...own.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
  if (blocks.length === 0) throw new Error(`no shell block under ${heading}`);
  return blocks.join('\n');
}

it('the README walk-through works as written', { timeout: 90_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-readme-'));
  // The walk-through asks for everything that a new user has: no variable but the folder is set.
  const sandboxPort = String(await freePort());
  const server = await startServer({ DATA_DIR: folder, SANDBOX_PORT: sandboxPort });
  try {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const script = shellBlocks(readme, 'Walk-through')
      .replace('http://localhost:8080', server.url)
      .replace('http://localhost:8081', `http://localhost:${sandboxPort}`)
      .replaceAll('\ncall ', '\necho; call ')
      .replaceAll('\nnpm ', '\necho; npm ');
    expect(script).toContain(server.url);
    const { PATH, HOME } = process.env;
    // The operator's command looks where the server has its data.
    const env = { PATH, HOME, DATA_DIR: folder };
    const { stdout } = await run('bash', ['-euc', script], { env, timeout: 75_000 });
    expect(stdout).toContain('event: message.created\ndata: {');
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
      asked,
      accepted,
      told,
      answered,
      conversations,
      messages,
      posted,
      feed,
      sent,
      received,
      registered,
      heldAccounts,
      verified,
      paid,
      statement,
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

    expect(asked).toEqual({ userId: 'ben', state: 'requested' });
    expect(accepted).toEqual({ userId: 'anna', state: 'accepted' });
    const group = told?.['conversationId'];
    expect(told).toMatchObject({ senderId: 'anna', text: 'Dinner at eight? 🥟' });
    expect(answered).toMatchObject({ senderId: 'ben', text: 'Only if you cook.' });
    expect(conversations).toMatchObject({
      items: [
        { kind: 'direct', userId: 'anna', unread: 0, lastMessage: answered },
        { kind: 'group', id: group, name: 'Family', unread: 1, lastMessage: told },
      ],
    });
    expect(messages).toEqual({ items: [told] });
    expect(feed).toEqual({ items: [posted] });
    const totals = { asset: 'CNY', count: 1, amount: 2_000, openedAmount: amount };
    expect(sent).toMatchObject({ items: [{ greeting: '恭喜发财' }], totals: [totals] });
    expect(received).toMatchObject({
      items: [{ senderId: 'anna', greeting: '恭喜发财', status: 'opened', amount }],
      totals: [{ asset: 'CNY', count: 1, amount }],
    });

    const card = { bank: 'ICBC', last4: '0128' };
    expect(registered).toMatchObject({ holderName: expect.not.stringContaining('nna'), ...card });
    expect(heldAccounts).toMatchObject({ items: [{ balance: 3_000, held: 5_000 }] });
    expect(verified).toMatchObject({ status: 'processing', amount: 5_000, card });
    expect(paid).toMatchObject({ status: 'paid', id: verified?.['id'] });
    expect(statement).toMatchObject({
      items: [
        { kind: 'withdrawal', amount: -5_000, withdrawalId: paid?.['id'], balanceAfter: 3_000 },
        { kind: 'funding', amount: -2_000, batchId: batch?.['id'], balanceAfter: 8_000 },
        { kind: 'deposit', amount: 10_000, reference: 'till-1', balanceAfter: 10_000 },
      ],
    });
    expect(stdout).toMatch(/\n1 withdrawal, 1 payout at the bank, .*\nno difference\n$/);
  } finally {
    await server.end('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
});

it(
  'the trade groups of the README work as written (T1–T7, T9, T11–T14)',
  { timeout: 90_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hongbao-readme-'));
    const sandboxPort = String(await freePort());
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [, platforms = ''] = /^TRADE_PLATFORMS='(.*)' npm start$/m.exec(readme) ?? [];
    const server = await startServer({
      DATA_DIR: folder,
      SANDBOX_PORT: sandboxPort,
      TRADE_PLATFORMS: platforms.replace(':8081', `:${sandboxPort}`),
    });
    try {
      const shell = readme.match(/^(API=|token\(\)|call\(\)).*$/gm)?.join('\n') ?? '';
      const script = `${shell}\n${shellBlocks(readme, 'Trade groups')}`
        .replace('http://localhost:8080', server.url)
        .replace('http://localhost:8081', `http://localhost:${sandboxPort}`)
        .replaceAll('\ncall ', '\necho; call ')
        .replaceAll('\ncurl ', '\necho; curl ');
      const { PATH, HOME } = process.env;
      const { stdout } = await run('bash', ['-euc', script], { env: { PATH, HOME } });
      const lines = stdout.split('\n').filter((line) => line !== '');
      const [accepted, contacts, approved, settings, messages, comment, page, bar, left] =
        lines.map((line) =>
          line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : line,
        );
      expect(lines).toHaveLength(9);
      const group = (accepted as { groupId: string }).groupId;
      expect(accepted).toMatchObject({ inviteeId: 'joy', status: 'accepted' });
      const prompt = { id: group, name: '共享一族', member: false };
      expect(contacts).toMatchObject({ items: [{ userId: 'linking', tradeGroups: [prompt] }] });
      expect(approved).toMatchObject({ userId: 'mary', status: 'approved' });
      const account = { platform: 'mall', account: 'joy@mall' };
      expect(settings).toMatchObject({
        accounts: [{ ...account, hasSecret: true, path: 'poll', state: 'active' }],
        types: [{ name: 'electronics' }, { name: 'Tea' }],
      });
      expect(stdout).not.toContain('sesame');
      // The bread is not there.
      const [trade, ...others] = (messages as { items: { id: string }[] }).items;
      expect(others).toEqual([]);
      expect(trade).toMatchObject({ kind: 'trade', senderId: 'joy' });
      expect(comment).toMatchObject({ senderId: 'mary', text: 'Any good?', replyTo: trade!.id });
      expect(page).toMatch(/^https:\/\/shop\.example\/trades\/\d+$/);
      expect(bar).toMatchObject({ items: [{ messageId: trade!.id, groupId: group }] });
      expect(left).toEqual({ id: group, memberCount: 2 });
    } finally {
      await server.end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    }
  },
);
