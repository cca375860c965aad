/** What the statements of this folder share. */
import type { Pool } from 'pg';
import type { Vault } from '../payment/vault.ts';
import type { PlatformConfig } from '../trade-http/config.ts';
import type { IntakeMeter } from './meter.ts';

export interface IntakeContext {
  readonly pool: Pool;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly publicUrl: string;
  readonly platforms: ReadonlyMap<string, PlatformConfig>;
  /** Undefined: there are no keys, and no account with a secret can be polled. */
  readonly vault: Vault | undefined;
  readonly meter: IntakeMeter;
}
