/**
 * `npm run rotate-card-keys`: seals every stored card, and every secret of an account on a trade platform, again under
 * the current key, the first of CARD_KEYS.
 *
 * 1. Put the new key behind the old one on all servers, then first; restart them after each.
 * 2. Run this, until it says that nothing is left.
 * 3. Take the old key away.
 */
import { cardKeysOf } from '../engine/payment/card-keys.ts';
import { rotateSealed } from '../engine/payment/rotate.ts';
import { Vault } from '../engine/payment/vault.ts';
import { runTool, say } from './operator-tool.ts';

await runTool(async ({ config, pool }) => {
  const keys = await cardKeysOf(config);
  if (keys === undefined) {
    say('CARD_KEYS is not set');
    return false;
  }
  const vault = new Vault(keys);
  const { sealed, unreadable, left, codes } = await rotateSealed(pool, vault);
  say(`${sealed} cards and secrets are sealed again under key ${vault.currentKeyId}`);
  if (unreadable.length > 0) say(`what does not open is under keys: ${unreadable.join(', ')}`);
  if (left > 0) say(`${left} cards and secrets are under another key: run it again`);
  if (codes > 0)
    say(`${codes} codes under way follow from another key: run it again in ten minutes`);
  if (left + codes === 0) say('nothing is left under another key');
  return left + codes === 0;
});
