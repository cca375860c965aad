/** Books on Postgres: each method is one transaction or one statement of the files beside it. */
import { silentObserver } from '../ports/observer.ts';
import { purgePushes } from '../push/purge.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import { accounts, entries } from './accounts.ts';
import { audit, auditAlone } from './audit.ts';
import { BatchIds } from './batch-ids.ts';
import { batchQuotaUse } from './batch-quota.ts';
import { addAudience, confirm } from './confirm.ts';
import type { BooksContext } from './context.ts';
import { createBatch } from './create.ts';
import { deposit } from './deposits.ts';
import { once, purge } from './once.ts';
import { batchPage, claimsPage } from './pages.ts';
import { received, sent } from './records.ts';
import type { Books } from './types.ts';

export interface BooksOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  /** How long after creation a batch can be confirmed; default one day. */
  readonly confirmWithinSeconds?: number | undefined;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined;
}

const confirmWithinSecondsDefault = 86_400;

/**
 * Opens the books on a migrated database. (E1–E9, E12, E18)
 *
 * @throws UnsafeServer when the server could lose acknowledged money; the message says what to set
 */
export async function postgresBooks(options: BooksOptions): Promise<Books> {
  const observer = options.observer ?? silentObserver;
  const pool = await openPool({ ...options, applicationName: 'hongbao-books' });
  const context: BooksContext = {
    pool,
    now: options.now ?? Date.now,
    confirmWithinSeconds: options.confirmWithinSeconds ?? confirmWithinSecondsDefault,
  };
  const ids = new BatchIds();
  return {
    once: (userId, scope, tag, work) => once(context, userId, scope, tag, work),
    deposit: (tx, input) => deposit(context, tx, input),
    batchQuotaUse: (tx, senderId, most, windowMs) =>
      batchQuotaUse(context, tx, senderId, most, windowMs),
    createBatch: (tx, input) => createBatch(context, ids, tx, input),
    confirm: (batchId, senderId) => confirm(context, batchId, senderId),
    addAudience: (batchId, senderId, channel, receivers, anyone) =>
      addAudience(context, batchId, senderId, channel, receivers, anyone),
    batchPage: (batchId, callerId, linkKey) => batchPage(context, batchId, callerId, linkKey),
    claimsPage: (batchId, callerId, linkKey, cursor, limit) =>
      claimsPage(context, batchId, callerId, linkKey, cursor, limit),
    accounts: (userId) => accounts(context, userId),
    entries: (userId, asset, cursor, limit) => entries(context, userId, asset, cursor, limit),
    sent: (userId, cursor, limit) => sent(context, userId, cursor, limit),
    received: (userId, cursor, limit) => received(context, userId, cursor, limit),
    audit: () => audit(context),
    auditAlone: () => auditAlone(context),
    async purge() {
      await purge(context);
      await purgePushes(pool, context.now());
    },
    ping: () =>
      pool.query('SELECT 1').then(
        () => true,
        (error: Error) => {
          observer.log('warn', 'postgres does not answer', { error: error.message });
          return false;
        },
      ),
    close: () => pool.end(),
  };
}
