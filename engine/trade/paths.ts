/** How a member's trades come from an account, which follows from what was given and what the platform can. Pure. (T5, T8–T10) */
import type { TradePath } from '../trade-http/config.ts';

/**
 * With a secret we log in and poll (path B). Without one the platform pushes: by itself where the account is the member's
 * own user id (path C), else because it was told (path A). Undefined: not at all.
 */
export function pathOf(
  { paths }: { readonly paths: readonly TradePath[] },
  userId: string,
  account: string,
  hasSecret: boolean,
): TradePath | undefined {
  if (hasSecret) return paths.includes('poll') ? 'poll' : undefined;
  if (paths.includes('same') && account === userId) return 'same';
  return paths.includes('push') ? 'push' : undefined;
}
