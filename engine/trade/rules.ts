/** What may stand in a member's settings, as far as no stored row decides. Pure. (T5, T6) */
import { folded } from './folding.ts';
import { isSystemType } from './system-types.ts';
import type { GivenAccount, NewSettings, SharedType, WrongSetting } from './types.ts';

export const accountKey = ({
  platform,
  account,
}: Pick<GivenAccount, 'platform' | 'account'>): string => `${platform} ${account}`;

/** Later ones of those with the same key. */
function repeated<T>(
  list: readonly T[],
  keyOf: (item: T) => string,
  field: (i: number) => string,
): WrongSetting[] {
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const key = keyOf(item);
    const again = seen.has(key);
    seen.add(key);
    return again ? [{ field: field(i), message: 'is there twice' }] : [];
  });
}

function wrongType({ name, criteria }: SharedType, i: number): WrongSetting[] {
  if (criteria === undefined) {
    if (isSystemType(name)) return [];
    return [{ field: `types[${i}].name`, message: 'is no system type, and has no criteria' }];
  }
  if (isSystemType(folded(name))) {
    return [{ field: `types[${i}].name`, message: 'is a system type: choose it without criteria' }];
  }
  const { min, max } = criteria.price ?? {};
  if (min !== undefined && max !== undefined && min > max) {
    return [{ field: `types[${i}].criteria.price`, message: 'must have min up to max' }];
  }
  return [];
}

/** Duplicates, and types that mean nothing. */
export function wrongSettings({ accounts, types }: NewSettings): readonly WrongSetting[] {
  return [
    ...repeated(accounts, accountKey, (i) => `accounts[${i}]`),
    ...repeated(
      types,
      ({ name }) => folded(name),
      (i) => `types[${i}].name`,
    ),
    ...types.flatMap(wrongType),
  ];
}
