/** The configured platforms with their adapters; what is shown of them to members. (T5) */
import type { TradePlatform } from '../ports/trade-platform.ts';
import type { PlatformConfig, TradePath } from './config.ts';
import { genericPlatform } from './generic.ts';
import { type Outbound, outbound, type OutboundOptions } from './outbound.ts';
import { wooCommercePlatform } from './woocommerce.ts';

/** A platform as `GET /v1/trade-platforms` shows it: nothing secret, nothing of how it is reached. */
export interface PlatformInfo {
  readonly name: string;
  readonly title: string;
  readonly kind: PlatformConfig['kind'];
  /** What a member may give: the account alone (`push`, `same`), or account and secret (`poll`). */
  readonly paths: readonly TradePath[];
  /** Hosts that links of its trades may lead to. */
  readonly linkHosts: readonly string[];
}

export interface TradePlatforms {
  readonly list: readonly PlatformInfo[];
  info(name: string): PlatformInfo | undefined;
  get(name: string): TradePlatform | undefined;
  close(): void;
}

export interface PlatformsOptions {
  /** Where pushes come in is below it. */
  readonly publicUrl: string;
  readonly now: () => number;
  /** For tests: how names are resolved, and shorter bounds. */
  readonly outbound?: Partial<Omit<OutboundOptions, 'url' | 'sandbox'>>;
}

export function tradePlatforms(
  configs: readonly PlatformConfig[],
  options: PlatformsOptions,
): TradePlatforms {
  const infos = new Map<string, PlatformInfo>();
  const adapters = new Map<string, TradePlatform>();
  for (const config of configs) {
    const { name, title, kind, paths, linkHosts, url, sandbox } = config;
    infos.set(name, { name, title, kind, paths, linkHosts });
    adapters.set(name, adapterOf(config, outbound({ ...options.outbound, url, sandbox }), options));
  }
  return {
    list: [...infos.values()],
    info: (name) => infos.get(name),
    get: (name) => adapters.get(name),
    close() {
      for (const adapter of adapters.values()) adapter.close();
    },
  };
}

function adapterOf(
  config: PlatformConfig,
  server: Outbound,
  { publicUrl, now }: PlatformsOptions,
): TradePlatform {
  const webhookUrl = `${publicUrl}/v1/trade-platforms/${config.name}/webhook`;
  const options = { config, outbound: server, now, webhookUrl };
  switch (config.kind) {
    case 'generic':
      return genericPlatform(options);
    case 'woocommerce':
      return wooCommercePlatform(options);
  }
}
