/**
 * Trades that come in, on Postgres: for the gateway and for the workers, each with a pool of its own, so that they never
 * take the connections of money. (T7–T13)
 */
import type { Pool } from 'pg';
import { tradeDeliveriesKeptMs, tradeQuarantineKeptMs } from '../limits.ts';
import { type CardKey, Vault } from '../payment/vault.ts';
import type { TradePolls } from '../ports/trade-polls.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import type { PlatformConfig } from '../trade-http/config.ts';
import { tradesOf } from './bar.ts';
import type { IntakeContext } from './context.ts';
import { postgresMappings, type TradeMappings } from './mappings.ts';
import { type IntakeMeter, silentIntakeMeter } from './meter.ts';
import { pageOfTrade } from './page.ts';
import { postgresPolls } from './polls.ts';
import type { TradeIntake } from './port.ts';
import { purgeDeliveries, takePush } from './pushes.ts';
import { purgeQuarantine } from './quarantine.ts';

export interface IntakeOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  readonly platforms: readonly PlatformConfig[];
  /** Absolute, without a trailing slash; links of messages start with it. */
  readonly publicUrl: string;
  readonly meter?: IntakeMeter | undefined;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined;
}

async function contextOf(
  options: IntakeOptions,
  applicationName: string,
  keys: readonly CardKey[] | undefined,
): Promise<IntakeContext & { readonly pool: Pool }> {
  const { platforms, publicUrl, meter = silentIntakeMeter, now = Date.now } = options;
  const pool = await openPool({ ...options, applicationName });
  const byName = new Map(platforms.map((config) => [config.name, config]));
  const vault = keys === undefined ? undefined : new Vault(keys);
  return { pool, now, publicUrl, platforms: byName, vault, meter };
}

/** For the gateway. @throws UnsafeServer when the server could lose what it acknowledged */
export async function postgresIntake(options: IntakeOptions): Promise<TradeIntake> {
  const context = await contextOf(options, 'hongbao-trades', undefined);
  return {
    take: (platform, push) => takePush(context, platform, push),
    page: (tradeId, userId, key) => pageOfTrade(context, tradeId, userId, key),
    tradesOf: (readerId, otherId, at) => tradesOf(context, readerId, otherId, at),
    close: () => context.pool.end(),
  };
}

/** What the workers do with trades. */
export interface TradeWork {
  readonly polls: TradePolls;
  readonly mappings: TradeMappings;
  /** Removes what is kept no longer. */
  purge(): Promise<void>;
  close(): Promise<void>;
}

/**
 * For the workers. @param cardKeys open members' secrets; undefined: nobody can be polled
 *
 * @throws UnsafeServer when the server could lose what it acknowledged
 */
export async function postgresTradeWork(
  options: IntakeOptions & { readonly cardKeys: readonly CardKey[] | undefined },
): Promise<TradeWork> {
  const context = await contextOf(options, 'hongbao-trade-work', options.cardKeys);
  const { pool, now } = context;
  return {
    polls: postgresPolls(context),
    mappings: postgresMappings(context),
    async purge() {
      await purgeDeliveries(pool, now() - tradeDeliveriesKeptMs);
      await purgeQuarantine(pool, now() - tradeQuarantineKeptMs);
    },
    close: () => pool.end(),
  };
}
