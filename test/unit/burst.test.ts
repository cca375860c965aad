/** When settling stands back, and when it no longer may. */
import { expect, it } from 'vitest';
import { burstBytesMin, burstJobsMin, burstMsMax } from '../../engine/limits.ts';
import { Burst } from '../../engine/settle/burst.ts';

const jobBytes = 4_000;
const least = burstBytesMin / jobBytes;

it('is on while a large journal grows', () => {
  const burst = new Burst();
  burst.note(least - 1, jobBytes, 0);
  expect(burst.isOn).toBe(false);
  burst.note(least, jobBytes, 1_000);
  expect(burst.isOn).toBe(true);
  burst.note(least + 50, jobBytes, 2_000);
  expect(burst.isOn).toBe(true);
});

it('counts bytes and jobs: few of many claims are a crowd, and so are many of few', () => {
  const burst = new Burst();
  burst.note(burstJobsMin - 1, 40, 0);
  expect(burst.isOn).toBe(false);
  burst.note(burstJobsMin, 40, 0);
  expect(burst.isOn).toBe(true);
  burst.note(0, 40, 0);
  burst.note(10, burstBytesMin / 10 - 1, 0);
  expect(burst.isOn).toBe(false);
  burst.note(11, burstBytesMin / 10, 1_000);
  expect(burst.isOn).toBe(true);
});

it('ends when the journal grows no more', () => {
  const burst = new Burst();
  burst.note(1_000, jobBytes, 0);
  expect(burst.isOn).toBe(true);
  burst.note(1_000, jobBytes, 1_000);
  expect(burst.isOn).toBe(false);
  burst.note(1_500, jobBytes, 2_000);
  expect(burst.isOn).toBe(true);
});

it('is off while the depth is unknown, which neither ends it nor begins another', () => {
  const burst = new Burst();
  burst.note(1_000, jobBytes, 0);
  burst.note(undefined, jobBytes, 1_000);
  expect(burst.isOn).toBe(false);
  burst.note(1_100, jobBytes, 2_000);
  expect(burst.isOn).toBe(true);
  burst.note(undefined, jobBytes, burstMsMax - 1);
  burst.note(1_200, jobBytes, burstMsMax);
  expect(burst.isOn).toBe(false);
  // Nor do some small jobs at hand make the journal empty.
  burst.note(1_300, 1, burstMsMax);
  burst.note(1_400, jobBytes, burstMsMax);
  expect(burst.isOn).toBe(false);
});

it('lasts a bounded time, and begins again only after the journal was emptied', () => {
  const burst = new Burst();
  for (let at = 0, jobs = 1_000; at < burstMsMax; at += 1_000, jobs += 100) {
    burst.note(jobs, jobBytes, at);
    expect(burst.isOn).toBe(true);
  }
  burst.note(9_000, jobBytes, burstMsMax);
  expect(burst.isOn).toBe(false);
  burst.note(10_000, jobBytes, 2 * burstMsMax);
  expect(burst.isOn).toBe(false);
  burst.note(0, jobBytes, 3 * burstMsMax);
  burst.note(1_000, jobBytes, 3 * burstMsMax);
  expect(burst.isOn).toBe(true);
});
