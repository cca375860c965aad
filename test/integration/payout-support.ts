/** Payments, a sandbox bank over HTTP and payout workers on a real database, on the real clock. */
import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { systemClock } from '../../engine/adapters/clock.ts';
import { httpBank } from '../../engine/bank/http-bank.ts';
import { httpCodeSender } from '../../engine/bank/http-code-sender.ts';
import { silentMeter } from '../../engine/bank/meter.ts';
import { postgresBooks } from '../../engine/books/postgres.ts';
import { openWakeUps } from '../../engine/payment-queue/open.ts';
import { postgresPayments } from '../../engine/payment/postgres.ts';
import { withdrawalLimitsDefault } from '../../engine/payment/settings.ts';
import { silentObserver, type Observer } from '../../engine/ports/observer.ts';
import { payoutMetrics } from '../../workers/payout-metrics.ts';
import { openPool } from '../../engine/store/pool.ts';
import { startPayoutWorker, type PayoutWorkerDeps } from '../../workers/payout.ts';
import { startSandbox } from '../contract/bank-support.ts';
import { freshDatabase } from '../setup/database.ts';

const card = { holderName: '本 Ben', cardNumber: '4111111111111111', bank: 'ICBC' };
export const amount = 500;

export const drillCardKeys = [{ id: 'k1', key: new Uint8Array(32).fill(7) }];

export interface PayoutsUnderTest extends Awaited<ReturnType<typeof payoutsUnderTest>> {}

/** @param patienceMs of the adapters */
export async function payoutsUnderTest(patienceMs = 300) {
  const database = await freshDatabase();
  const { url } = database;
  const sandbox = await startSandbox();
  const books = await postgresBooks({ url, poolMax: 4 });
  const limits = { ...withdrawalLimitsDefault, dayCountMax: 10_000 };
  const payments = await postgresPayments({ url, cardKeys: drillCardKeys, limits, poolMax: 8 });
  const settings = { databaseUrl: url, redis: undefined, clock: systemClock };
  const wakeUps = await openWakeUps({ ...settings, observer: silentObserver });
  const bank = httpBank({ url: `${sandbox.url}/bank`, token: undefined }, silentMeter, patienceMs);
  const codes = { url: `${sandbox.url}/codes`, token: undefined };
  const codeSender = httpCodeSender(codes, silentMeter, patienceMs);
  const alarms: string[] = [];
  const observer: Observer = { ...silentObserver, alarm: (what) => void alarms.push(what) };
  const registry = new Registry();
  const pool = await openPool({ url, applicationName: 'test', poolMax: 1 });
  const meter = payoutMetrics(registry, { payments, wakeUps, now: Date.now });

  /** Deposited, requested, and its hold is on: the id. @param before told of the id while nobody else sees it */
  const requested = async (
    userId: string,
    before: (id: string) => void = () => undefined,
  ): Promise<string> => {
    await payments.register(userId, card);
    const reference = randomBytes(8).toString('hex');
    await books.once(userId, 'deposit', undefined, async (tx) => {
      await books.deposit(tx, { userId, asset: 'CNY', amount, reference });
      return { status: 201, body: null, keep: true };
    });
    let id = '';
    await payments.once(userId, 'withdraw', undefined, async (tx) => {
      const result = await payments.request(tx, { userId, asset: 'CNY', amount });
      if (result.code !== 'requested') throw new Error(result.code);
      id = result.withdrawal.id;
      before(id);
      return { status: 201, body: { id }, keep: true };
    });
    return id;
  };
  const codeOf = async (id: string): Promise<string> => {
    const message = await until(`a code for ${id}`, () =>
      sandbox.outbox.list(undefined).find((item) => item.id === id),
    );
    return message.code;
  };
  return {
    url,
    sandbox,
    books,
    payments,
    wakeUps,
    bank,
    pool,
    alarms,
    registry,
    requested,
    codeOf,
    /** A worker, with parts of it replaced. */
    worker: (parts: Partial<PayoutWorkerDeps> = {}) =>
      startPayoutWorker({
        payments,
        wakeUps,
        bank,
        codeSender,
        observer,
        meter,
        sweepMs: 50,
        ...parts,
      }),
    /** Requested and verified: the id. Needs a worker that sends the code. */
    async processing(userId: string): Promise<string> {
      const id = await requested(userId);
      const { code } = await payments.verify(userId, id, await codeOf(id));
      if (code !== 'verified') throw new Error(code);
      return id;
    },
    async ended(userId: string, id: string, patience = 40_000): Promise<'paid' | 'failed'> {
      const end = async () => {
        const { status } = (await payments.withdrawal(userId, id)) ?? {};
        return status === 'paid' || status === 'failed' ? status : undefined;
      };
      return until(`an end of ${id}`, end, patience);
    },
    async isCodeSent(id: string): Promise<true | undefined> {
      const { rows } = await pool.query(
        'SELECT FROM withdrawal WHERE id = $1 AND code_sent_at > 0',
        [id],
      );
      return rows.length === 1 || undefined;
    },
    /** The audit's difference and mismatches. */
    async unsound(): Promise<number> {
      const { assets, mismatches } = await books.audit();
      return assets.reduce((sum, { difference }) => sum + Math.abs(difference), mismatches);
    },
    async close() {
      await wakeUps.close();
      await Promise.all([payments.close(), books.close(), sandbox.close(), pool.end()]);
      await database.drop();
    },
  };
}

export async function until<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  patienceMs = 15_000,
): Promise<Value> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`there never was ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
