/** A sandbox platform and poll workers on a real database and either queue, in real time. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { inject } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { outsideMeter } from '../../engine/bank/meter.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import type { PlatformConfig } from '../../engine/trade-http/config.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import { openPollQueues } from '../../engine/trade-queue/open.ts';
import { SandboxPlatform } from '../../workers/sandbox/platform-server.ts';
import { pollMetrics } from '../../workers/trade-poll-metrics.ts';
import { startPollWorker } from '../../workers/trade-poll.ts';
import {
  configOf,
  secretOf,
  token,
  webhookSecret,
  type Contract,
} from '../contract/trade-platform-support.ts';
import { intakeUnderTest, publicUrl, realClock } from './trade-support.ts';

export type Backend = 'redis' | 'postgres';

/** Listens on this machine; the platform is named at random, because queues on Redis outlive their test. */
export async function sandboxPlatform(contract: Contract, more: Partial<PlatformConfig> = {}) {
  const sandbox = new SandboxPlatform({ token, webhookSecret });
  const server = sandbox.server();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const name = `mall-${randomBytes(6).toString('hex')}`;
  const config: PlatformConfig = {
    ...configOf(contract, `http://127.0.0.1:${port}`),
    name,
    ...more,
  };
  return {
    sandbox,
    config,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function redisOf(backend: Backend) {
  if (backend === 'postgres') return undefined;
  return { url: inject('redisUrl'), trustReplicas: true, trustUnreadableSettings: true };
}

export interface PollingUnderTest extends Awaited<ReturnType<typeof pollingUnderTest>> {}

export async function pollingUnderTest(
  contract: Contract,
  backend: Backend,
  more: Partial<PlatformConfig> = {},
) {
  const platform = await sandboxPlatform(contract, more);
  const { sandbox, config } = platform;
  const under = await intakeUnderTest([config], realClock);
  const registry = new Registry();
  const platforms = tradePlatforms([config], {
    publicUrl,
    now: Date.now,
    outbound: { timeoutMs: 1_000 },
  });
  const open = { databaseUrl: under.url, redis: redisOf(backend) };
  const queues = await openPollQueues(
    { ...open, observer: silentObserver, clock: systemClock },
    { platforms: 4 },
  );
  const meter = pollMetrics(registry);
  const calls = outsideMeter(registry);
  const workers: { close(): Promise<void> }[] = [];
  return {
    ...under,
    sandbox,
    config,
    platforms,
    /** Polls every `intervalMs`. */
    async start(intervalMs = 300) {
      const { polls } = under.work;
      const deps = { configs: [config], platforms, polls, queues, meter, calls, now: Date.now };
      const worker = await startPollWorker({
        ...deps,
        observer: silentObserver,
        intervalMs,
        sweepMs: 100,
      });
      workers.push(worker);
      return worker;
    },
    /** An account of the platform, shared by `userId` in the group. */
    async account(userId: string, groupId: string, account: string): Promise<string> {
      sandbox.books.addAccount(account, secretOf(account));
      const secret = secretOf(account);
      return under.share(userId, groupId, { platform: config.name, account, secret });
    },
    /** Polls so far, by what came of them. */
    async polled(result: string): Promise<number> {
      const { values } = await registry.getSingleMetric('hongbao_trade_polls_total')!.get();
      return values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
    },
    /** The account's cursor stands: what appears from now on is seen. */
    async isPolled(id: string): Promise<boolean> {
      const { rows } = await under.pool.query<{ cursor: string | null }>(
        'SELECT cursor FROM trade_account WHERE id = $1',
        [id],
      );
      return typeof rows[0]?.cursor === 'string';
    },
    async close() {
      for (const worker of workers) await worker.close();
      await queues.close();
      platforms.close();
      await under.close();
      await platform.close();
    },
  };
}
