/** What an operator sets of the payment server. (E17) */
import { resolve } from 'node:path';
import type { EnvironmentReader } from '../environment.ts';
import { assetPattern, withdrawalAssetsMax, withdrawalsPerDayMax } from '../limits.ts';
import { parseCardKeys } from './card-keys.ts';
import type { CardKey } from './vault.ts';

/** Amounts in minor units, the same for every asset. */
export interface WithdrawalLimits {
  /** WITHDRAWAL_ASSETS: which may be withdrawn. */
  readonly assets: readonly string[];
  /** WITHDRAWAL_MIN and WITHDRAWAL_MAX of one. */
  readonly amountMin: number;
  readonly amountMax: number;
  /** WITHDRAWAL_DAY_MAX: a user's of one asset in any 24 hours, without those that came to nothing. */
  readonly dayAmountMax: number;
  /** WITHDRAWALS_PER_DAY: a user's requests in any 24 hours; each sends a code and allows a few guesses at it. */
  readonly dayCountMax: number;
}

/** 1, 20,000 and 50,000 CNY in fen. */
export const withdrawalLimitsDefault: WithdrawalLimits = {
  assets: ['CNY'],
  amountMin: 100,
  amountMax: 2_000_000,
  dayAmountMax: 5_000_000,
  dayCountMax: 20,
};

export function readWithdrawals(read: EnvironmentReader): WithdrawalLimits {
  const standard = withdrawalLimitsDefault;
  const amount = (variable: string, min: number) =>
    read.integer(variable, { min, max: Number.MAX_SAFE_INTEGER });
  const amountMin = amount('WITHDRAWAL_MIN', 1) ?? standard.amountMin;
  const amountMax = amount('WITHDRAWAL_MAX', amountMin) ?? Math.max(standard.amountMax, amountMin);
  return {
    assets: readAssets(read) ?? standard.assets,
    amountMin,
    amountMax,
    dayAmountMax:
      amount('WITHDRAWAL_DAY_MAX', amountMin) ?? Math.max(standard.dayAmountMax, amountMax),
    dayCountMax:
      read.integer('WITHDRAWALS_PER_DAY', { min: 1, max: withdrawalsPerDayMax }) ??
      standard.dayCountMax,
  };
}

function readAssets(read: EnvironmentReader): readonly string[] | undefined {
  const variable = 'WITHDRAWAL_ASSETS';
  const assets = read.text(variable)?.split(/\s*,\s*/);
  if (assets === undefined) return undefined;
  const isValid =
    assets.length <= withdrawalAssetsMax && assets.every((asset) => assetPattern.test(asset));
  if (!isValid) throw read.error(variable, `must be assets with commas between, like CNY,points`);
  return assets;
}

/** Read here, so that a wrong key stops the start; a file is read by cardKeysOf(). */
export function readCardKeys(read: EnvironmentReader): {
  readonly cardKeys: readonly CardKey[] | undefined;
  readonly cardKeysFile: string | undefined;
} {
  const text = read.text('CARD_KEYS');
  const file = read.text('CARD_KEYS_FILE');
  if (text !== undefined && file !== undefined) {
    throw read.error('CARD_KEYS_FILE', 'is given together with CARD_KEYS: leave one of them out');
  }
  return {
    cardKeys: text === undefined ? undefined : parseCardKeys(text, 'CARD_KEYS'),
    cardKeysFile: file === undefined ? undefined : resolve(file),
  };
}
