import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RollingQuota } from '../../gateway/rolling-quota.ts';

function quotaOf(most: number, windowMs = 60_000) {
  const clock = { now: 1_000 };
  const quota = new RollingQuota({ name: 'things', most, windowMs }, () => clock.now);
  return { clock, quota };
}

describe('a rolling quota', () => {
  test('lets through so many, says what is left, and when the next is free', () => {
    const { clock, quota } = quotaOf(2);
    expect(quota.take('ann', 'a')).toMatchObject({ allowed: true, remaining: 1, freeInMs: 60_000 });
    clock.now += 10_000;
    expect(quota.take('ann', 'b')).toMatchObject({ allowed: true, remaining: 0, freeInMs: 50_000 });
    expect(quota.take('ann', 'c')).toMatchObject({
      allowed: false,
      remaining: 0,
      freeInMs: 50_000,
    });
    // Another user has a quota of its own.
    expect(quota.take('bob', 'c')).toMatchObject({ allowed: true, remaining: 1 });
    clock.now += 49_999;
    expect(quota.take('ann', 'c').allowed).toBe(false);
    clock.now += 1;
    expect(quota.take('ann', 'c')).toMatchObject({ allowed: true, remaining: 0, freeInMs: 10_000 });
  });

  test('a repeat passes and is not counted, a refused one is no repeat', () => {
    const { quota } = quotaOf(1);
    for (let again = 0; again < 3; again += 1) {
      expect(quota.take('ann', 'a')).toMatchObject({ allowed: true, remaining: 0 });
      expect(quota.take('ann', 'b').allowed).toBe(false);
    }
  });

  test('forgets who is idle', () => {
    const { clock, quota } = quotaOf(1);
    for (let user = 0; user < 1_000; user += 1) quota.take(`early-${user}`, 'a');
    expect(quota.size).toBe(1_000);
    for (let window = 0; window < 2; window += 1) {
      clock.now += 60_000;
      expect(quota.take('late', 'a').allowed).toBe(true);
    }
    expect(quota.size).toBe(2);
  });

  test('any run of things: exactly what a list of all times allows', () => {
    const steps = fc.array(
      fc.record({
        pauseMs: fc.integer({ min: 0, max: 40 }),
        user: fc.constantFrom('ann', 'bob', 'chris'),
        what: fc.integer({ min: 0, max: 12 }).map(String),
      }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (most, run) => {
        const windowMs = 100;
        const { clock, quota } = quotaOf(most, windowMs);
        const counted: { user: string; what: string; at: number }[] = [];
        for (const { pauseMs, user, what } of run) {
          clock.now += pauseMs;
          const mine = counted.filter((one) => one.user === user && one.at > clock.now - windowMs);
          const known = mine.some((one) => one.what === what);
          const allowed = known || mine.length < most;
          expect(quota.take(user, what).allowed).toBe(allowed);
          if (allowed && !known) counted.push({ user, what, at: clock.now });
        }
      }),
    );
  });
});
