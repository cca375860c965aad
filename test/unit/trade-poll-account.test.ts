/** One account's polls with a scripted platform: logins, pages, and how long it is left alone after failures. (T9) */
import { beforeEach, describe, expect, test } from 'vitest';
import { silentMeter } from '../../engine/bank/meter.ts';
import {
  circuitFailuresMax,
  pollLoginsLengthMax,
  pollPagesMax,
  pollRestMsMax,
} from '../../engine/limits.ts';
import type {
  LoginResult,
  TradePlatform,
  TradesResult,
} from '../../engine/ports/trade-platform.ts';
import type { AcceptResult, PolledAccount, TradePolls } from '../../engine/ports/trade-polls.ts';
import { AccountPoller } from '../../workers/trade-poll-account.ts';

const intervalMs = 60_000;
const account: PolledAccount = {
  id: '7',
  platform: 'mall',
  account: 'alice',
  secret: 'hush',
  cursor: 'c0',
};

let now: number;
let stored: PolledAccount | undefined;
let calls: string[];
let login: () => LoginResult;
let trades: (cursor: string | undefined) => TradesResult;
let accepting: AcceptResult;
let poller: AccountPoller;

const page = (cursor: string, more = false): TradesResult => ({
  code: 'page',
  trades: [],
  malformed: [],
  cursor,
  more,
});
const unused = () => Promise.reject(new Error('not asked for here'));

beforeEach(() => {
  now = 1_000_000_000_000;
  stored = account;
  calls = [];
  login = () => ({ code: 'logged_in', session: `s${calls.length}`, expiresAt: now + 600_000 });
  trades = () => page('c0');
  accepting = 'accepted';
  const platform: TradePlatform = {
    name: 'mall',
    login: async () => {
      calls.push('login');
      return login();
    },
    trades: async (_account, session, cursor) => {
      calls.push(`trades ${session} ${cursor}`);
      return trades(cursor);
    },
    register: unused,
    webhook: unused,
    close() {},
  };
  const polls: TradePolls = {
    load: async () => stored,
    async accept(_polled, { cursor }) {
      calls.push(`accept ${cursor}`);
      return accepting;
    },
    polled: unused,
    async wrongSecret() {
      calls.push('stop');
    },
    overdue: unused,
  };
  poller = new AccountPoller({ platform, polls, intervalMs, meter: silentMeter, now: () => now });
});

const poll = () => poller.poll('7');
const done = { code: 'polled', trades: 0, isDone: true };

describe('T9: logins', () => {
  test('are kept for the next polls, and made again before they end', async () => {
    expect([await poll(), await poll()]).toEqual([done, done]);
    expect(calls).toEqual(['login', 'trades s1 c0', 'trades s1 c0']);
    now += 596_000;
    await poll();
    expect(calls.slice(3)).toEqual(['login', 'trades s4 c0']);
  });

  test('of another secret are made anew', async () => {
    await poll();
    stored = { ...account, secret: 'other' };
    await poll();
    expect(calls).toEqual(['login', 'trades s1 c0', 'login', 'trades s3 c0']);
  });

  test('that expire in the middle are made again, once', async () => {
    let isExpired = true;
    trades = () => {
      const result: TradesResult = isExpired ? { code: 'login_expired' } : page('c0');
      isExpired = false;
      return result;
    };
    expect(await poll()).toEqual(done);
    expect(calls).toEqual(['login', 'trades s1 c0', 'login', 'trades s3 c0']);
    trades = () => ({ code: 'login_expired' });
    expect(await poll()).toEqual({ code: 'unavailable', reason: 'login_loop' });
  });

  test('are bounded by their length, too', async () => {
    login = () => ({
      code: 'logged_in',
      session: 's'.repeat(pollLoginsLengthMax / 2),
      expiresAt: undefined,
    });
    for (const id of ['7', '8', '8', '7']) {
      stored = { ...account, id };
      await poller.poll(id);
    }
    expect(calls.filter((call) => call === 'login')).toHaveLength(3);
  });

  test('with a wrong secret stop the account', async () => {
    login = () => ({ code: 'wrong_secret' });
    expect(await poll()).toEqual({ code: 'wrong_secret' });
    expect(calls).toEqual(['login', 'stop']);
  });
});

describe('T9: pages', () => {
  test('follow each other until there is no more; what brings nothing is not written', async () => {
    trades = (cursor) => page(`${cursor}+`, cursor !== 'c0++');
    expect(await poll()).toEqual(done);
    expect(calls.filter((call) => !call.startsWith('login'))).toEqual([
      'trades s1 c0',
      'accept c0+',
      'trades s1 c0+',
      'accept c0++',
      'trades s1 c0++',
      'accept c0+++',
    ]);
    trades = (cursor) => page(cursor ?? '');
    calls = [];
    expect(await poll()).toEqual(done);
    expect(calls).toEqual(['trades s1 c0']);
  });

  test('without end are left for the next poll', async () => {
    trades = (cursor) => page(`${cursor}+`, true);
    expect(await poll()).toEqual({ ...done, isDone: false });
    expect(calls.filter((call) => call.startsWith('accept'))).toHaveLength(pollPagesMax);
  });

  test.each(['stale', 'gone'] as const)('that are not taken end it: %s', async (code) => {
    accepting = code;
    trades = () => page('c1', true);
    expect(await poll()).toEqual({ code });
    expect(calls.filter((call) => call.startsWith('trades'))).toHaveLength(1);
  });
});

describe('T9: left alone', () => {
  const failing = async (times: number) => {
    for (let n = 0; n < times; n += 1) {
      // Anything else than a failure is what the rest is for.
      while ((await poll()).code !== 'unavailable') now += intervalMs;
    }
  };

  test('after each failure for longer, up to a bound, and not at all after a success', async () => {
    // Patience asked for opens no circuit.
    login = () => ({ code: 'unavailable', reason: 'status_429', retryAfterMs: 0 });
    const rests: number[] = [];
    for (let ticks = 0; rests.length < 10; ticks += 1) {
      const { code } = await poll();
      expect(['unavailable', 'resting']).toContain(code);
      if (code === 'unavailable') {
        rests.push(ticks);
        ticks = 0;
      }
      now += intervalMs;
    }
    rests.shift();
    expect(rests[0]).toBe(1);
    expect(Math.max(...rests)).toBe(pollRestMsMax / intervalMs);
    expect(rests.toSorted((one, other) => one - other)).toEqual(rests);
    login = () => ({ code: 'logged_in', session: 's', expiresAt: undefined });
    now += pollRestMsMax;
    expect([await poll(), await poll()]).toEqual([done, done]);
  });

  test('for as long as the platform asks', async () => {
    trades = () => ({ code: 'unavailable', reason: 'status_429', retryAfterMs: 500_000 });
    expect((await poll()).code).toBe('unavailable');
    now += 499_000;
    expect(await poll()).toEqual({ code: 'resting' });
    now += 1_000;
    expect((await poll()).code).toBe('unavailable');
  });

  test('by a circuit, once the platform gives no clear answers', async () => {
    login = () => ({ code: 'unavailable', reason: 'silent' });
    await failing(circuitFailuresMax);
    const asked = calls.length;
    now += 2 * pollRestMsMax;
    expect(await poll()).toEqual({ code: 'circuit_open' });
    expect(calls).toHaveLength(asked);
  });
});

test('T9: accounts whose own trades are at fault open no circuit for the others', async () => {
  trades = () => ({ code: 'unavailable', reason: 'too_large' });
  for (let i = 0; i < 2 * circuitFailuresMax; i += 1) {
    stored = { ...account, id: String(100 + i) };
    expect(await poller.poll(stored.id)).toEqual({ code: 'unavailable', reason: 'too_large' });
    expect(await poller.poll(stored.id)).toEqual({ code: 'resting' });
  }
  trades = () => page('c0');
  stored = account;
  expect(await poll()).toEqual(done);
});

test('T9: two at a time are one', async () => {
  const [one, other] = await Promise.all([poll(), poll()]);
  expect([one, other]).toEqual([done, { code: 'stale' }]);
  expect(calls).toEqual(['login', 'trades s1 c0']);
});

test('T9: one that is not to be polled any more is gone', async () => {
  stored = undefined;
  expect(await poll()).toEqual({ code: 'gone' });
  expect(calls).toEqual([]);
});
