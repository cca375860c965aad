/** Payouts as metrics: what each step came to, how long the queue is, how long the oldest has waited. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { PaymentSteps } from '../engine/payment/port.ts';
import type { PayoutStep } from '../engine/payment/steps.ts';
import type { WakeUps } from '../engine/payment-queue/port.ts';

export interface PayoutMeter {
  /** `error`: nobody knows what it came to, it is due again. */
  stepped(result: PayoutStep | 'error'): void;
}

export function payoutMetrics(
  registry: Registry,
  parts: {
    readonly payments: Pick<PaymentSteps, 'oldestProcessingAt'>;
    readonly wakeUps: Pick<WakeUps, 'depth'>;
    readonly now: () => number;
  },
): PayoutMeter {
  const { payments, wakeUps, now } = parts;
  const registers = [registry];
  const steps = new Counter({
    name: 'hongbao_payout_steps_total',
    help: 'Steps of payouts, by what they came to',
    labelNames: ['result'],
    registers,
  });
  new Gauge({
    name: 'hongbao_payout_queue_jobs',
    help: 'Words to the payout worker that wait or are under way',
    aggregator: 'max',
    registers,
    async collect() {
      this.set(await wakeUps.depth().catch(() => Number.NaN));
    },
  });
  new Gauge({
    name: 'hongbao_payout_oldest_age_seconds',
    help: 'Since the oldest withdrawal that is not paid out yet was verified; 0 when there is none',
    aggregator: 'max',
    registers,
    async collect() {
      try {
        const oldestAt = await payments.oldestProcessingAt();
        this.set(oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt) / 1_000);
      } catch {
        this.set(Number.NaN);
      }
    },
  });
  return { stepped: (result) => steps.inc({ result }) };
}
