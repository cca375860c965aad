import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../engine/adapters/clock.ts';
import { Together } from '../../engine/push/together.ts';

describe('questions together', () => {
  test('those that come at once are one, at most so many, in order, so many under way', async () => {
    const asked: (readonly number[])[] = [];
    let running = 0;
    let most = 0;
    const together = new Together<number, number>({
      clock,
      max: 4,
      width: 2,
      async ask(questions) {
        asked.push(questions);
        running += 1;
        most = Math.max(most, running);
        await sleep(5);
        running -= 1;
        return questions.map((question) => question * 10);
      },
    });
    const numbers = Array.from({ length: 11 }, (_, i) => i);
    const answers = await Promise.all(numbers.map((number) => together.ask(number)));
    expect(answers).toEqual(numbers.map((number) => number * 10));
    expect(asked).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10],
    ]);
    expect(most).toBe(2);
    expect(await together.ask(7)).toBe(70);
    expect(asked.at(-1)).toEqual([7]);
  });

  test('an error of one is its own; one of all is everybody’s, and it goes on after it', async () => {
    let broken = true;
    const together = new Together<number, number>({
      clock,
      max: 10,
      width: 1,
      async ask(questions) {
        await sleep(1);
        if (broken) throw new Error('away');
        return questions.map((question) => (question === 2 ? new Error('two') : question));
      },
    });
    const [first, second] = await Promise.allSettled([together.ask(1), together.ask(2)]);
    expect([first?.status, second?.status]).toEqual(['rejected', 'rejected']);
    broken = false;
    const [one, two] = await Promise.allSettled([together.ask(1), together.ask(2)]);
    expect(one).toEqual({ status: 'fulfilled', value: 1 });
    expect(two).toMatchObject({ status: 'rejected', reason: { message: 'two' } });
  });
});
