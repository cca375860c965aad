/** Trade groups when things meet: answers, withdrawals, settings, leaving and polls at the same time. (T2–T5, T11) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { groupMembersMax } from '../../engine/limits.ts';
import { openSecret, type SecretColumns } from '../../engine/trade/secrets.ts';
import { Vault } from '../../engine/payment/vault.ts';
import { postgresTradeWork, type TradeWork } from '../../engine/trade-intake/postgres.ts';
import type { Said } from '../gateway/harness.ts';
import {
  cardKey,
  platformConfigs,
  type TradeGroupsUnderTest,
  tradeGroupsUnderTest,
} from './trade-group-support.ts';

const key = cardKey('k1', 1);
let under: TradeGroupsUnderTest;
let work: TradeWork;
beforeAll(async () => {
  under = await tradeGroupsUnderTest([key]);
  const { url } = under;
  const publicUrl = 'https://packets.example';
  const now = () => under.clock.now;
  work = await postgresTradeWork({
    url,
    publicUrl,
    platforms: platformConfigs,
    cardKeys: [key],
    now,
  });
});
afterAll(async () => {
  await work.close();
  await under.close();
});

const times = (n: number) => Array.from({ length: n }, (_, i) => i);
const statusOf = ({ status, json }: Said) => [status, json.code ?? json.status];
const post = (userId: string, path: string, body?: object) => under.ask(userId, 'POST', path, body);
const leave = (id: string, by: string, ...members: string[]) =>
  under.ask(by, 'DELETE', `/v1/trade-groups/${id}/members`, { members });
/** The group's own count and its list say the same. */
async function expectCounted(id: string, userId: string): Promise<string[]> {
  const members = await under.membersOf(userId, id);
  const { memberCount } = await under.done(userId, 'GET', `/v1/trade-groups/${id}`);
  expect(memberCount).toBe(members.length);
  return members;
}

test('T2 accepted many times at once: in once, told once', async () => {
  const id = await under.tradeGroup('a0', 'a1');
  await under.befriend('a0', 'a2');
  await under.listen('a0');
  const invitation = await under.invite('a0', id, 'a2');
  const said = await Promise.all(
    times(12).map(() => post('a2', `/v1/invitations/${invitation}/accept`)),
  );
  expect(said.map(statusOf)).toEqual(times(12).map(() => [200, 'accepted']));
  expect(new Set(said.map(({ text }) => text)).size).toBe(1);
  expect(await expectCounted(id, 'a2')).toEqual(['a0', 'a1', 'a2']);
  expect((await under.pushed('a0')).map(([type]) => type)).toEqual(['invitation.updated']);
});

test('T2 accepted and declined at once: one of both, and the group agrees', async () => {
  for (const i of times(8)) {
    const [own, guest] = [`b${i}`, `bg${i}`];
    const id = await under.tradeGroup(own, 'b');
    await under.befriend(own, guest);
    const invitation = await under.invite(own, id, guest);
    const [accepted, declined] = await Promise.all([
      post(guest, `/v1/invitations/${invitation}/accept`),
      post(guest, `/v1/invitations/${invitation}/decline`),
    ]);
    const isIn = accepted.status === 200;
    expect([accepted.status, declined.status].toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect((await expectCounted(id, own)).includes(guest)).toBe(isIn);
  }
});

test('T2 accepted while the owner leaves, or ends the friendship: what was answered is true', async () => {
  for (const i of times(8)) {
    const [own, guest] = [`c${i}`, `cg${i}`];
    const id = await under.tradeGroup(own, `cm${i}`);
    await under.befriend(own, guest);
    const invitation = await under.invite(own, id, guest);
    const withdraw = () =>
      i % 2 === 0 ? leave(id, own, own) : under.ask(own, 'PUT', `/v1/contacts/${guest}/block`);
    const [accepted, other] = await Promise.all([
      post(guest, `/v1/invitations/${invitation}/accept`),
      withdraw(),
    ]);
    expect(other.status).toBe(200);
    expect([
      [200, 'accepted'],
      [409, 'invitation_ended'],
    ]).toContainEqual(statusOf(accepted));
    const members = await expectCounted(id, `cm${i}`);
    expect(members.includes(guest)).toBe(accepted.status === 200);
    const open = await under.pool.query(
      'SELECT FROM trade_invitation WHERE conversation = $1 AND state = 1',
      [id],
    );
    // Only a friendship that ended leaves it open: it may begin again.
    if (i % 2 === 0 || accepted.status === 200) expect(open.rows).toEqual([]);
  }
});

test('T2 T4 the last place is given once, whichever way', async () => {
  const id = await under.tradeGroup('d0', 'd1');
  await under.befriend('d0', 'd2', 'd3', 'd4');
  const first = await under.invite('d0', id, 'd2');
  const second = await under.invite('d0', id, 'd3');
  const { id: asked } = await under.done('d4', 'POST', `/v1/trade-groups/${id}/join-requests`);
  await under.pool.query('UPDATE conversation SET members = $2 WHERE id = $1', [
    id,
    groupMembersMax - 1,
  ]);
  const said = await Promise.all([
    post('d2', `/v1/invitations/${first}/accept`),
    post('d3', `/v1/invitations/${second}/accept`),
    post('d0', `/v1/trade-groups/${id}/join-requests/${asked}/approve`),
  ]);
  expect(said.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422]);
  expect(await under.membersOf('d0', id)).toHaveLength(3);
});

test('T2 T4 invited and asking at once: one invitation, one request, and in by both', async () => {
  const id = await under.tradeGroup('e0', 'e1');
  await under.befriend('e0', 'e2', 'e3', 'e4');
  const path = `/v1/trade-groups/${id}`;
  const asked = await Promise.all(times(6).map(() => post('e2', `${path}/join-requests`)));
  expect(new Set(asked.map(({ text }) => text)).size).toBe(1);
  const invite = { userIds: ['e3'] };
  const invited = await Promise.all(times(6).map(() => post('e0', `${path}/invitations`, invite)));
  expect(new Set(invited.map(({ text }) => text)).size).toBe(1);
  const meet = await Promise.all([
    post('e4', `${path}/join-requests`),
    post('e0', `${path}/invitations`, { userIds: ['e4'] }),
  ]);
  expect(meet.map(({ status }) => status)).toEqual([201, 201]);
  expect(await expectCounted(id, 'e0')).toEqual(['e0', 'e1', 'e4']);
  const { rows } = await under.pool.query(
    `SELECT 'i' || invitee AS one FROM trade_invitation WHERE conversation = $1 AND state = 1
     UNION ALL SELECT 'r' || user_id FROM trade_join_request WHERE conversation = $1 AND state = 1 ORDER BY one`,
    [id],
  );
  expect(rows).toEqual([{ one: 'ie3' }, { one: 're2' }]);
});

test('T4 approved, declined, and the owner gone at once', async () => {
  for (const i of times(8)) {
    const [own, asking] = [`f${i}`, `fa${i}`];
    const id = await under.tradeGroup(own, `fm${i}`);
    await under.befriend(own, asking);
    const path = `/v1/trade-groups/${id}/join-requests`;
    const { id: request } = await under.done(asking, 'POST', path);
    const [approved, declined, left] = await Promise.all([
      post(own, `${path}/${request}/approve`),
      post(own, `${path}/${request}/decline`),
      leave(id, own, own),
    ]);
    expect(left.status).toBe(200);
    for (const said of [approved, declined]) expect([200, 404, 409]).toContain(said.status);
    expect(
      [approved.status, declined.status].filter((status) => status === 200).length,
    ).toBeLessThan(2);
    const members = await expectCounted(id, `fm${i}`);
    expect(members.includes(asking)).toBe(approved.status === 200);
  }
});

test('T5 two settings at once: one of them, whole', async () => {
  const id = await under.tradeGroup('g0', 'g1');
  const one = (n: number) => ({
    accounts: [
      { platform: 'mall', account: `a${n}`, secret: `s${n}` },
      { platform: 'mall', account: 'both', secret: `s${n}` },
      { platform: 'market', account: `m${n}` },
    ],
    types: [{ name: `t${n}`, criteria: { keywords: [`k${n}`] } }],
  });
  const said = await Promise.all(times(8).map((n) => under.put('g0', id, one(n))));
  expect(said.map(({ status }) => status)).toEqual(times(8).map(() => 200));
  const { accounts, types } = await under.done('g0', 'GET', `/v1/trade-groups/${id}/settings`);
  const winner = Number(types[0].name.slice(1));
  expect(accounts.map(({ account }: { account: string }) => account)).toEqual([
    `a${winner}`,
    'both',
    `m${winner}`,
  ]);
  const { rows } = await under.pool.query<
    SecretColumns & { user_id: string; platform: string; account: string }
  >("SELECT * FROM trade_account WHERE user_id = 'g0' ORDER BY platform, account");
  expect(rows.map(({ account }) => account)).toEqual([`a${winner}`, 'both', `m${winner}`]);
  expect(openSecret(new Vault([key]), rows[1]!)).toBe(`s${winner}`);
  const mapped = await under.pool.query(
    "SELECT account, wanted FROM trade_mapping WHERE user_id = 'g0' AND wanted",
  );
  expect(mapped.rows).toEqual([{ account: `m${winner}`, wanted: true }]);
});

test('T5 settings in several groups, leaving and being removed: accounts are there exactly while they are shared', async () => {
  const groups = await Promise.all(times(4).map((i) => under.tradeGroup(`h-own${i}`, 'h')));
  const names = ['x', 'y', 'z'];
  let put = 0;
  const act = async (n: number) => {
    for (const round of times(10)) {
      const i = (n + round) % groups.length;
      const id = groups[i]!;
      const turn = (n * 7 + round * 3) % 5;
      if (turn === 0) {
        const by = round % 2 === 0 ? 'h' : `h-own${i}`;
        expect([200, 404]).toContain((await leave(id, by, 'h')).status);
        const invited = await under.invite(`h-own${i}`, id, 'h').catch(() => undefined);
        if (invited !== undefined) await post('h', `/v1/invitations/${invited}/accept`);
        continue;
      }
      const accounts = names
        .filter((_, place) => (turn + round + place) % 2 === 0)
        .flatMap((account) => [
          { platform: 'mall', account, secret: `${n}-${round}` },
          { platform: 'market', account },
        ]);
      const said = await under.put('h', id, { accounts, types: [] });
      expect([200, 404]).toContain(said.status);
      if (said.status === 200) put += 1;
    }
  };
  await Promise.all(times(5).map(act));
  expect(put).toBeGreaterThan(10);
  const { rows: unused } = await under.pool.query(
    `SELECT account FROM trade_account WHERE user_id = 'h' AND NOT EXISTS (
       SELECT FROM trade_settings_account WHERE trade_account = trade_account.id)`,
  );
  expect(unused).toEqual([]);
  const { rows: outside } = await under.pool.query(
    `SELECT conversation FROM trade_settings_account AS shared WHERE user_id = 'h' AND NOT EXISTS (
       SELECT FROM member WHERE member.conversation = shared.conversation AND member.user_id = 'h')`,
  );
  expect(outside).toEqual([]);
  const mapped = await under.pool.query<{ wanted: string[]; there: string[] }>(
    `SELECT ARRAY(SELECT account FROM trade_mapping WHERE user_id = 'h' AND wanted ORDER BY 1) AS wanted,
       ARRAY(SELECT account FROM trade_account WHERE user_id = 'h' AND platform = 'market' ORDER BY 1) AS there`,
  );
  expect(mapped.rows[0]!.wanted).toEqual(mapped.rows[0]!.there);
});

test('T5 T11 a group is left during a poll: nothing is shown there after that was answered', async () => {
  for (const i of times(16)) {
    const member = `p${i}`;
    const id = await under.tradeGroup(`p-own${i}`, member);
    const settings = { accounts: [{ platform: 'mall', account: member, secret: 's' }], types: [] };
    await under.put(member, id, settings);
    // By turns it is the last group that the account is shared in.
    const isLast = i % 2 === 0;
    const kept = isLast ? undefined : await under.tradeGroup(`p-kept${i}`, member);
    if (kept !== undefined) await under.put(member, kept, settings);
    const { rows } = await under.pool.query<{ id: string }>(
      'SELECT id FROM trade_account WHERE user_id = $1',
      [member],
    );
    const polled = await work.polls.load(rows[0]!.id);
    const trade = {
      id: `t${i}`,
      account: member,
      title: 'Tea',
      categories: [],
      price: 1,
      currency: 'CNY',
      url: 'https://mall.example/t',
      at: under.clock.now,
    };
    const page = { trades: [trade], malformed: [], cursor: 'c1' };
    const shown = async (owner: string, groupId: string) =>
      (await under.done(owner, 'GET', `/v1/trade-groups/${groupId}/messages`)).items.length;
    let shownWhenLeft = -1;
    // A little earlier or later, so that both sides win.
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const [outcome] = await Promise.all([
      pause((i >> 1) % 4).then(() => work.polls.accept(polled!, page)),
      pause(((i >> 1) + 2) % 4).then(async () => {
        expect((await leave(id, member, member)).status).toBe(200);
        shownWhenLeft = await shown(`p-own${i}`, id);
      }),
    ]);
    expect(await shown(`p-own${i}`, id)).toBe(shownWhenLeft);
    const accounts = await under.pool.query('SELECT id FROM trade_account WHERE user_id = $1', [
      member,
    ]);
    if (kept !== undefined) {
      expect([outcome, await shown(`p-kept${i}`, kept)]).toEqual(['accepted', 1]);
      expect(accounts.rows).toEqual(rows);
      continue;
    }
    expect(['accepted', 'gone']).toContain(outcome);
    expect(shownWhenLeft).toBe(outcome === 'accepted' ? 1 : 0);
    expect(accounts.rows).toEqual([]);
    expect(await work.polls.load(rows[0]!.id)).toBeUndefined();
    expect(await work.polls.accept(polled!, { ...page, cursor: 'c2' })).toBe('gone');
  }
});
