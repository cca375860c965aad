/**
 * A payout worker that kills itself at the step it was told at its start. Everything in it is the product's own, on a
 * clock that runs SPEED times as fast, so that leases and pauses of a minute pass in seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { systemClock } from '../../../engine/adapters/clock.ts';
import { httpBank } from '../../../engine/bank/http-bank.ts';
import { httpCodeSender } from '../../../engine/bank/http-code-sender.ts';
import { silentMeter } from '../../../engine/bank/meter.ts';
import { openWakeUps } from '../../../engine/payment-queue/open.ts';
import { postgresPayments } from '../../../engine/payment/postgres.ts';
import { silentObserver } from '../../../engine/ports/observer.ts';
import { payoutMetrics } from '../../../workers/payout-metrics.ts';
import { startPayoutWorker } from '../../../workers/payout.ts';
import { mutatedBank } from './mutants.ts';
import { cardKeys, fastClock, patienceMs, redisOf } from './settings.ts';
import { Death, mortalBank, mortalPayments } from './steps.ts';

const { DATABASE_URL: url = '', REDIS_URL, SANDBOX_URL = '', STEP, PASSES, MUTANT } = process.env;

const death = new Death(STEP, Number(PASSES));
const observer = {
  ...silentObserver,
  alarm: (what: string, detail: string) => process.stderr.write(`alarm ${what}: ${detail}\n`),
};
const payments = mortalPayments(
  await postgresPayments({ url, cardKeys, poolMax: 8, now: fastClock(process.env) }),
  death,
);
const settings = { databaseUrl: url, redis: redisOf(REDIS_URL), clock: systemClock, observer };
const wakeUps = await openWakeUps(settings);
const server = (path: string) => ({ url: `${SANDBOX_URL}/${path}`, token: undefined });
const bank = mutatedBank(httpBank(server('bank'), silentMeter, patienceMs), MUTANT);
const meter = payoutMetrics(new Registry(), { payments, wakeUps, now: Date.now });
const worker = await startPayoutWorker({
  payments,
  wakeUps,
  bank: mortalBank(bank, death),
  codeSender: httpCodeSender(server('codes'), silentMeter, patienceMs),
  observer,
  meter,
  sweepMs: 50,
});
process.on('SIGTERM', () => {
  void Promise.race([worker.close(), sleep(5_000)]).finally(() => process.exit(0));
});
