/** Slow periodic work: the conservation audit as a metric, the journal's depth, and old idempotency keys. */
import { Gauge, type Registry } from 'prom-client';
import type { Books } from '../engine/books/types.ts';
import { auditIntervalMs, purgeIntervalMs } from '../engine/limits.ts';
import type { Journal } from '../engine/ports/journal.ts';
import type { Observer } from '../engine/ports/observer.ts';
import { repeat } from './repeat.ts';

export interface HousekeepingDeps {
  readonly books: Books;
  readonly journal: Journal;
  readonly observer: Observer;
  readonly registry: Registry;
  /** Between two audits; default: the limit. */
  readonly auditEveryMs?: number;
}

/** @returns a function that stops it and waits for the piece under way */
export function startHousekeeping(deps: HousekeepingDeps): () => Promise<void> {
  const { books, journal, observer, registry } = deps;
  const difference = new Gauge({
    name: 'hongbao_conservation_difference_units',
    help: 'Sum over assets of |issued − users − escrow − in flight − paid out|; anything but 0 is an alarm',
    registers: [registry],
  });
  const mismatches = new Gauge({
    name: 'hongbao_ledger_mismatches',
    help: 'Accounts, transfers and batches whose kept figures differ from their records',
    registers: [registry],
  });
  new Gauge({
    name: 'hongbao_journal_depth_jobs',
    help: 'Jobs held by the journal in any state',
    registers: [registry],
    async collect() {
      this.set(await journal.depth().catch(() => Number.NaN));
    },
  });

  const quarantined = new Gauge({
    name: 'hongbao_quarantined_batches',
    help: 'Batches that answer 503 until an operator repairs them',
    registers: [registry],
  });
  const audited = new Gauge({
    name: 'hongbao_audit_timestamp_seconds',
    help: 'When the newest audit was complete, seconds since the epoch',
    aggregator: 'max',
    registers: [registry],
  });

  const audit = async () => {
    const result = await books.auditAlone();
    // Another process is at it: the ledger need not be read twice at a time.
    if (result === undefined) return;
    audited.setToCurrentTime();
    quarantined.set(result.quarantined ?? 0);
    const off = result.assets.reduce((sum, asset) => sum + Math.abs(asset.difference), 0);
    difference.set(off);
    mismatches.set(result.mismatches);
    if (off !== 0 || result.mismatches !== 0) {
      observer.alarm('conservation', `difference ${off}, mismatches ${result.mismatches}`);
    }
  };
  const stops = [
    repeat(audit, { intervalMs: deps.auditEveryMs ?? auditIntervalMs }, observer),
    repeat(() => books.purge(), { intervalMs: purgeIntervalMs }, observer),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}
