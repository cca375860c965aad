/** What the drill of payouts breaks: three payout workers and the bank, over a database (and Redis) of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultInput } from '../../../engine/bank/faults.ts';
import type { BankLine } from '../../../engine/bank/sandbox-books.ts';
import { startEmbeddedPostgres } from '../../../engine/embedded/postgres.ts';
import { migrate } from '../../../engine/store/migrate.ts';
import { readLineFile } from '../../../workers/sandbox/line-file.ts';
import { startRedis } from '../../setup/redis.ts';
import { freePort } from '../../setup/server.ts';
import type { Dice } from '../dice.ts';
import { type Environment, KeptProcess } from '../kept-process.ts';
import type { Backend } from '../system.ts';
import type { PayoutMutant } from './mutants.ts';
import { type DeathStep, deathsIn } from './steps.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const workersCount = 3;
const passesMax = 12;

export interface PayoutSystem {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly workers: readonly KeptProcess[];
  readonly bank: KeptProcess;
  /** Told again after each start of the bank, which forgets them. */
  setFaults(faults: readonly FaultInput[]): Promise<void>;
  /** How often workers died at each step. */
  deaths(): Map<DeathStep, number>;
  /** From now on no worker dies by itself. */
  spareWorkers(): Promise<void>;
  /** What the bank has written down. */
  lines(): readonly BankLine[];
  close(): Promise<void>;
}

export interface PayoutSystemOptions {
  readonly backend: Backend;
  /** When the fast clock began. */
  readonly epoch: number;
  readonly mutant: PayoutMutant | undefined;
  /** Where workers die. */
  readonly steps: readonly DeathStep[];
  readonly dice: Dice;
}

export async function startPayoutSystem(options: PayoutSystemOptions): Promise<PayoutSystem> {
  const { backend, epoch, mutant, steps, dice } = options;
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-payout-drill-'));
  const redis = backend === 'redis' ? await startRedis() : undefined;
  const postgres = await startEmbeddedPostgres({ dataDir: folder, log: silent });
  await migrate(postgres.url);
  const sandboxUrl = `http://127.0.0.1:${await freePort()}`;
  const file = join(folder, 'bank.jsonl');
  const bank = new KeptProcess('bank', 'workers/sandbox/main.ts', {
    SANDBOX_PORT: new URL(sandboxUrl).port,
    SANDBOX_FILE: file,
  });
  const common: Environment = {
    DATABASE_URL: postgres.url,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    SANDBOX_URL: sandboxUrl,
    EPOCH: String(epoch),
    ...(mutant === undefined ? {} : { MUTANT: mutant }),
  };
  const workers = Array.from(
    { length: workersCount },
    (_, n) => new KeptProcess(`worker ${n}`, 'test/drill/payouts/process.ts', common),
  );
  const deaths = () => deathsIn(workers.map(({ output }) => output).join('\n'));
  let areMortal = true;
  /** Each life is told where to end: at one of the steps at which fewest have died. */
  const lead = async (worker: KeptProcess) => {
    while (areMortal) {
      const life = worker.starts;
      const counts = deaths();
      const deathsAt = (step: DeathStep) => counts.get(step) ?? 0;
      const fewest = Math.min(...steps.map(deathsAt));
      const step = dice.pick(steps.filter((one) => deathsAt(one) === fewest));
      // The first death at a step comes soon, later ones after a while.
      const passes = fewest === 0 ? 1 : dice.between(1, passesMax);
      worker.env = { ...common, STEP: step, PASSES: String(passes) };
      if (life === 0) worker.start();
      await worker.startedAfter(life);
    }
  };
  bank.start();
  const leading = workers.map((worker) => lead(worker));

  return {
    databaseUrl: postgres.url,
    redisUrl: redis?.url,
    workers,
    bank,
    async setFaults(faults) {
      const send = (method: string, body?: FaultInput) =>
        fetch(`${sandboxUrl}/faults`, {
          method,
          headers: { 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      for (let turn = 0; turn < 200; turn += 1) {
        try {
          await send('DELETE');
          for (const fault of faults) await send('POST', fault);
          return;
        } catch {
          await sleep(50);
        }
      }
      throw new Error(`the bank does not start:\n${bank.output}`);
    },
    deaths,
    async spareWorkers() {
      areMortal = false;
      for (const worker of workers) {
        worker.env = common;
        await worker.kill();
      }
    },
    lines: () => readLineFile<BankLine>(file),
    async close() {
      areMortal = false;
      await Promise.all([...workers, bank].map((process) => process.close()));
      await Promise.all(leading);
      await postgres.stop();
      await redis?.remove();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
