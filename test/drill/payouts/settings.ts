/** What the drill of payouts and its processes agree on. */
import type { RedisSettings } from '../../../engine/journal/open.ts';
import type { CardKey } from '../../../engine/payment/vault.ts';

export const cardKeys: readonly [CardKey] = [{ id: 'k1', key: new Uint8Array(32).fill(7) }];
/** Of the adapters: a silent bank costs a step this much. */
export const patienceMs = 300;
const speed = 30;

/** The same time in all processes of the machine, `speed` times as fast since EPOCH. */
export function fastClock({ EPOCH }: Readonly<Record<string, string | undefined>>): () => number {
  const epoch = Number(EPOCH);
  return () => Math.round(epoch + (Date.now() - epoch) * speed);
}

export function redisOf(url: string | undefined): RedisSettings | undefined {
  return url === undefined || url === ''
    ? undefined
    : { url, trustReplicas: false, trustUnreadableSettings: false };
}
