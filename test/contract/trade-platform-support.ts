/** The sandbox platform on a port of its own, and an adapter to it in either contract. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { PlatformConfig } from '../../engine/trade-http/config.ts';
import { type PlatformsOptions, tradePlatforms } from '../../engine/trade-http/platforms.ts';
import type { TradePlatform } from '../../engine/ports/trade-platform.ts';
import { SandboxPlatform } from '../../workers/sandbox/platform-server.ts';

export type Contract = 'generic' | 'shop';

export const token = 'ck_ours_0000000:cs_ours_0000000';
export const webhookSecret = 'webhook secret of the sandbox';
export const publicUrl = 'https://red.example';

export interface PlatformUnderTest {
  readonly sandbox: SandboxPlatform;
  readonly config: PlatformConfig;
  readonly platform: TradePlatform;
  /** Of the sandbox. */
  readonly url: string;
  /** The clock of both sides. */
  readonly clock: { now: number };
  close(): Promise<void>;
}

/** The secret of an account of the sandbox. */
export function secretOf(account: string): string {
  return `ck_${account}:cs_secret_${account}`;
}

export async function platformUnderTest(
  contract: Contract,
  options: Partial<PlatformsOptions> = {},
): Promise<PlatformUnderTest> {
  const clock = { now: Date.now() };
  const sandbox = new SandboxPlatform({ token, webhookSecret, now: () => clock.now });
  const server = sandbox.server();
  // The shop's clock, which shops tell with every answer.
  server.prependListener('request', (_, response) => {
    response.setHeader('date', new Date(clock.now).toUTCString());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const config = configOf(contract, url);
  const platforms = tradePlatforms([config], {
    publicUrl,
    now: () => clock.now,
    outbound: { timeoutMs: 1_000 },
    ...options,
  });
  const platform = platforms.get('sandbox');
  if (platform === undefined) throw new Error('no platform');
  return {
    sandbox,
    config,
    platform,
    url,
    clock,
    async close() {
      platforms.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function configOf(contract: Contract, url: string): PlatformConfig {
  return {
    name: 'sandbox',
    title: 'Sandbox',
    kind: contract === 'shop' ? 'woocommerce' : 'generic',
    url: `${url}/${contract}`,
    linkHosts: ['shop.example'],
    paths: ['poll', 'push'],
    webhookSecret,
    token,
    pollIntervalSeconds: 60,
    requestsPerSecond: 50,
    sandbox: true,
  };
}
