/** What every CodeSender does: the HTTP adapter on the sandbox, and the fake. (E17 ¶208) */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeCodeSender } from '../../engine/bank/fake-code-sender.ts';
import { httpCodeSender } from '../../engine/bank/http-code-sender.ts';
import { silentMeter } from '../../engine/bank/meter.ts';
import { outsideAttemptsMax } from '../../engine/limits.ts';
import type { CodeMessage, CodeSender } from '../../engine/ports/code-sender.ts';
import { patienceMs, startSandbox } from './bank-support.ts';

interface SenderUnderTest {
  readonly sender: CodeSender;
  taken(): CodeMessage[];
  /** Every attempt of the next send gets lost. */
  lose(andTake: boolean): void;
  readonly close: () => Promise<void>;
}

const message = { id: 'c-1', userId: 'ben', code: '123456', expiresAt: 1_800_000_000_000 };

async function httpUnderTest(): Promise<SenderUnderTest> {
  const { url, outbox, faults, close } = await startSandbox();
  const server = { url: `${url}/codes`, token: undefined };
  return {
    close,
    sender: httpCodeSender(server, silentMeter, patienceMs),
    taken: () =>
      outbox.list(undefined).map(({ id, userId, code, expiresAt }) => {
        return { id, userId, code, expiresAt };
      }),
    lose(andTake) {
      const kind = andTake ? 'error_after' : 'error_before';
      faults.add({ on: 'code', kind, times: outsideAttemptsMax });
    },
  };
}

async function fakeUnderTest(): Promise<SenderUnderTest> {
  const fake = fakeCodeSender();
  return {
    sender: fake.sender,
    taken: () => [...fake.taken.values()],
    lose: (andTake) => fake.fail(1, andTake),
    close: () => Promise.resolve(),
  };
}

describe.each([
  ['HTTP adapter on the sandbox', httpUnderTest],
  ['fake', fakeUnderTest],
])('code sender: %s', (_, open) => {
  let under: SenderUnderTest;
  beforeEach(async () => {
    under = await open();
  });
  afterEach(() => under.close());

  it('takes a message once, however often it comes', async () => {
    expect(await under.sender.send(message)).toBe(true);
    expect(await under.sender.send(message)).toBe(true);
    expect(under.taken()).toEqual([message]);
  });

  it('does not take another code under the same id', async () => {
    await under.sender.send(message);
    expect(await under.sender.send({ ...message, code: '654321' })).toBe(false);
    expect(under.taken()).toEqual([message]);
  });

  it.each([true, false])('says so when nobody knows; taken: %s', async (andTake) => {
    under.lose(andTake);
    expect(await under.sender.send(message)).toBe(false);
    expect(under.taken()).toHaveLength(andTake ? 1 : 0);
    expect(await under.sender.send(message)).toBe(true);
    expect(under.taken()).toEqual([message]);
  });
});
