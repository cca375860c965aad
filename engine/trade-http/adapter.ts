/** What an adapter is made of. */
import type { PlatformConfig } from './config.ts';
import type { Outbound } from './outbound.ts';

export interface AdapterOptions {
  readonly config: PlatformConfig;
  readonly outbound: Outbound;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where the platform pushes to; ours, absolute. */
  readonly webhookUrl: string;
}
