/** Where a payout worker dies: every place between two effects, and the middle of each. */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentSteps } from '../../../engine/payment/port.ts';
import type { Bank } from '../../../engine/ports/bank.ts';

export const deathSteps = [
  'before_stored',
  'while_storing',
  'after_stored',
  'while_asking',
  'after_asked',
  'while_ordering',
  'after_paid',
  'while_recording',
  'after_recorded',
] as const;
export type DeathStep = (typeof deathSteps)[number];

/** The line a dying process writes; the drill counts them. */
const deathLine = (step: DeathStep) => `dying ${step}`;

/** How often somebody died at each step, by what the processes wrote. */
export function deathsIn(output: string): Map<DeathStep, number> {
  const lines = output.split('\n');
  return new Map(
    deathSteps.map((step) => [step, lines.filter((line) => line === deathLine(step)).length]),
  );
}

const withinMs = 12;

/** kill -9 of this process, once `step` is come to for the n-th time. */
export class Death {
  readonly #step: string | undefined;
  #left: number;

  /** @param step none of the steps: somebody else ends this life */
  constructor(step: string | undefined, passes: number) {
    this.#step = step;
    this.#left = passes;
  }

  /** Never resolves when the time has come. */
  async at(step: DeathStep): Promise<void> {
    if (step !== this.#step) return;
    this.#left -= 1;
    if (this.#left > 0) return;
    writeSync(2, `${deathLine(step)}\n`);
    process.kill(process.pid, 'SIGKILL');
    await new Promise<never>(() => undefined);
  }

  /** Dies somewhere in the middle of what begins now, or right after it. */
  async during<Value>(step: DeathStep, begin: () => Promise<Value>): Promise<Value> {
    const running = begin();
    if (step === this.#step) {
      running.catch(() => undefined);
      await sleep(Math.random() * withinMs);
      await this.at(step);
    }
    return running;
  }
}

/** The same payments, in a process that may die between their effects. */
export function mortalPayments<Steps extends PaymentSteps>(payments: Steps, death: Death): Steps {
  return {
    ...payments,
    async claimPayout(id: string) {
      await death.at('before_stored');
      const claimed = await death.during('while_storing', () => payments.claimPayout(id));
      if (claimed.code === 'claimed') await death.at('after_stored');
      return claimed;
    },
    async recordPayout(...said: Parameters<PaymentSteps['recordPayout']>) {
      const recorded = await death.during('while_recording', () => payments.recordPayout(...said));
      await death.at('after_recorded');
      return recorded;
    },
  };
}

export function mortalBank(bank: Bank, death: Death): Bank {
  return {
    list: (from, until) => bank.list(from, until),
    async query(...asked) {
      const said = await death.during('while_asking', () => bank.query(...asked));
      await death.at('after_asked');
      return said;
    },
    async payout(order) {
      const said = await death.during('while_ordering', () => bank.payout(order));
      if (said.code === 'paid') await death.at('after_paid');
      return said;
    },
  };
}
