/** Devices of one user that come, go and catch up while words are lost and reads fail, drawn from a seed. (E12) */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FakePushes } from '../../engine/push/fake.ts';
import { Dice } from '../simulation/dice.ts';
import { serveStreams as serve, upTo } from './stream-support.ts';

const steps = 30;
const devicesMax = 12;

test.each(upTo(10))('seed %i: every device gets what it lacks, once and in order', async (seed) => {
  const dice = new Dice(seed, 'devices');
  const delays = new Dice(seed, 'reads');
  class Unsteady extends FakePushes {
    override async read(userId: string, after: number, limit: number) {
      await sleep(delays.below(3));
      if (delays.chance(0.03)) throw new Error('the connection was lost');
      return super.read(userId, after, limit);
    }
  }
  const settings = {
    pageMax: dice.between(2, 8),
    writeBytesMax: dice.between(100, 600),
    sweepMs: 30,
    tickMs: 5,
  };
  const { open, say, pushes } = await serve(settings, new Unsteady());
  await pushes.listen('ann');
  let newest = dice.below(200);
  say('ann', newest);
  const devices: { readonly stream: Awaited<ReturnType<typeof open>>; readonly from: number }[] =
    [];
  for (let step = 0; step < steps; step += 1) {
    const kind = dice.below(10);
    if (kind < 3 && devices.length < devicesMax) {
      const from = dice.between(0, newest);
      devices.push({ stream: await open('ann', { lastEventId: String(from) }), from });
    } else if (kind < 8) {
      const n = dice.between(1, 5);
      pushes.silent = dice.chance(0.2);
      say('ann', n);
      pushes.silent = false;
      newest += n;
    } else if (kind === 8) devices.shift()?.stream.destroy();
    else await sleep(dice.below(10));
  }
  for (const { stream, from } of devices) {
    await expect
      .poll(() => stream.numbers.length, { timeout: 10_000, interval: 5 })
      .toBeGreaterThanOrEqual(newest - from);
    expect(stream.numbers).toEqual(newest > from ? upTo(newest, from + 1) : []);
    stream.destroy();
  }
});
