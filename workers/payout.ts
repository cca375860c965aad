/**
 * Payout worker: drives withdrawals outside, codes to their users and orders to the bank. (E17 ¶208, ¶213)
 *
 * Postgres says what is due; the queue only wakes. A step may be repeated, doubled and killed anywhere
 * (engine/payment/steps.ts), so a job that is delivered twice does nothing twice, and one that is lost is swept up.
 */
import { payoutConcurrency, payoutSweepMax, payoutSweepMs } from '../engine/limits.ts';
import type { PaymentSteps } from '../engine/payment/port.ts';
import { payOnce, sendCode } from '../engine/payment/steps.ts';
import type { WakeUp, WakeUps } from '../engine/payment-queue/port.ts';
import type { Bank } from '../engine/ports/bank.ts';
import type { CodeSender } from '../engine/ports/code-sender.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { PayoutMeter } from './payout-metrics.ts';

export interface PayoutWorkerDeps {
  readonly payments: PaymentSteps;
  readonly wakeUps: WakeUps;
  /** Undefined: what is due for it stays due. */
  readonly bank: Bank | undefined;
  readonly codeSender: CodeSender | undefined;
  readonly observer: Observer;
  readonly meter: PayoutMeter;
  /** Between two sweeps; default: the limit. */
  readonly sweepMs?: number;
}

export interface PayoutWorker {
  /** Stops taking new work and waits for the steps under way. */
  close(): Promise<void>;
}

export async function startPayoutWorker(deps: PayoutWorkerDeps): Promise<PayoutWorker> {
  const { wakeUps, observer, sweepMs = payoutSweepMs } = deps;
  const consumer = await wakeUps.consume((wakeUp) => step(deps, wakeUp), {
    concurrency: payoutConcurrency,
  });
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const next = () => {
    if (closing) return;
    timer = setTimeout(() => {
      sweeping = sweep(deps)
        .catch((error: unknown) => {
          observer.log('warn', 'payouts could not be swept up', { error: String(error) });
        })
        .then(next);
    }, sweepMs);
  };
  next();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await sweeping;
      await consumer.close();
    },
  };
}

/** One step of what the word is about, were it the tenth time. One that fails is due again; it does not fail unseen. */
async function step(deps: PayoutWorkerDeps, { kind, id }: WakeUp): Promise<void> {
  const { payments, bank, codeSender, observer, meter } = deps;
  try {
    switch (kind) {
      case 'payout':
        if (bank === undefined) return;
        meter.stepped(await payOnce({ payments, bank, observer }, id));
        return;
      case 'code':
        if (codeSender !== undefined) await sendCode({ payments, codeSender }, id);
        return;
    }
  } catch (error) {
    if (kind === 'payout') meter.stepped('error');
    observer.log('warn', 'a step of a withdrawal failed', { kind, id, error: String(error) });
    throw error;
  }
}

/** What is due, whether anybody said a word or not. A withdrawal that cannot go on keeps no other one from doing so. */
async function sweep(deps: PayoutWorkerDeps): Promise<void> {
  const { payments, bank, codeSender } = deps;
  const expired = await Promise.allSettled([payments.expireCodes(payoutSweepMax)]);
  const codes = codeSender === undefined ? [] : await payments.dueCodes(payoutSweepMax);
  const payouts = bank === undefined ? [] : await payments.duePayouts(payoutSweepMax);
  const due: WakeUp[] = [
    ...codes.map((id) => ({ kind: 'code' as const, id })),
    ...payouts.map((id) => ({ kind: 'payout' as const, id })),
  ];
  const steps = await say(deps, due);
  const failed = [...expired, ...steps].find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason as Error;
}

/** @returns what became of the steps that were taken here because no word could be said */
async function say(
  deps: PayoutWorkerDeps,
  due: readonly WakeUp[],
): Promise<PromiseSettledResult<void>[]> {
  const added = await Promise.allSettled(due.map((wakeUp) => deps.wakeUps.add(wakeUp)));
  // A queue that is away delays nobody's money: then this worker takes them itself, a few at a time.
  const left = due.filter((_, i) => added[i]?.status === 'rejected');
  const steps: PromiseSettledResult<void>[] = [];
  for (let i = 0; i < left.length; i += payoutConcurrency) {
    const part = left.slice(i, i + payoutConcurrency);
    steps.push(...(await Promise.allSettled(part.map((wakeUp) => step(deps, wakeUp)))));
  }
  return steps;
}
