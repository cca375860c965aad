/** What the gateway needs from outside; main.ts wires it, tests give doubles. */
import type { Engine } from '../engine/api.ts';
import type { Books } from '../engine/books/types.ts';
import type { Config } from '../engine/config.ts';
import type { Payments } from '../engine/payment/port.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Social } from '../engine/social/port.ts';
import type { TradeGroups } from '../engine/trade/port.ts';
import type { TradePlatforms } from '../engine/trade-http/platforms.ts';
import type { TradeIntake } from '../engine/trade-intake/port.ts';
import type { AuthOptions } from './auth.ts';
import type { Log } from './log.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Streams } from './stream/streams.ts';

/** Shared by the app (readyz) and the server (drain). */
export interface Lifecycle {
  draining: boolean;
}

export interface AppOptions {
  /** Absolute, without a trailing slash; receive links start with it. (E6) */
  readonly publicUrl: string;
  readonly auth: AuthOptions;
  /** Serves `POST /v1/dev/tokens`; only together with a secret in `auth`. */
  readonly devLogin: boolean;
  /** Largest mean (lucky) or fixed amount of a packet, minor units; undefined: no limit. (E2) */
  readonly shareThreshold: number | undefined;
  /** Off when left out. */
  readonly rateLimits?: Config['rateLimits'] | undefined;
  /** `GET /metrics` is then served by `createMetricsApp` alone. */
  readonly metricsOnSeparatePort: boolean;
}

export interface AppDeps {
  readonly engine: Engine;
  readonly books: Books;
  readonly social: Social;
  /** Undefined: there are no card keys, and its routes say so. (E17) */
  readonly payments: Payments | undefined;
  readonly streams: Pick<Streams, 'open'>;
  readonly tradeGroups: TradeGroups;
  readonly tradeIntake: TradeIntake;
  /** Default: none are connected. (T5) */
  readonly platforms?: TradePlatforms | undefined;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** CSPRNG; link keys and request id prefixes come from it. */
  readonly randomBytes: (size: number) => Uint8Array;
  /** Events acknowledged but not yet settled, over all owners. */
  readonly pendingEvents: () => number | Promise<number>;
  readonly metrics: GatewayMetrics;
  /** Metrics of all other threads, `getMetricsAsJSON()` each; default: those of the engine. */
  readonly threadMetrics?: (() => Promise<readonly (object | undefined)[]>) | undefined;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  readonly options: AppOptions;
}
