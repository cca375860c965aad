/** When settling stands back, and when it no longer may. */
import { expect, it } from 'vitest';
import { burstJobsMin, burstMsMax } from '../../engine/limits.ts';
import { Burst } from '../../engine/settle/burst.ts';

it('is on while a large journal grows', () => {
  const burst = new Burst();
  burst.note(burstJobsMin - 1, 0);
  expect(burst.isOn).toBe(false);
  burst.note(burstJobsMin, 1_000);
  expect(burst.isOn).toBe(true);
  burst.note(burstJobsMin + 50, 2_000);
  expect(burst.isOn).toBe(true);
});

it('ends when the journal grows no more', () => {
  const burst = new Burst();
  burst.note(1_000, 0);
  expect(burst.isOn).toBe(true);
  burst.note(1_000, 1_000);
  expect(burst.isOn).toBe(false);
  burst.note(1_500, 2_000);
  expect(burst.isOn).toBe(true);
});

it('lasts a bounded time, and begins again only after the journal was emptied', () => {
  const burst = new Burst();
  for (let at = 0, jobs = 1_000; at < burstMsMax; at += 1_000, jobs += 100) {
    burst.note(jobs, at);
    expect(burst.isOn).toBe(true);
  }
  burst.note(9_000, burstMsMax);
  expect(burst.isOn).toBe(false);
  burst.note(10_000, 2 * burstMsMax);
  expect(burst.isOn).toBe(false);
  burst.note(0, 3 * burstMsMax);
  burst.note(1_000, 3 * burstMsMax);
  expect(burst.isOn).toBe(true);
});
