/** Scheduled reconciliation: over all processes at most one at a time; its result as metrics and log lines. (E17) */
import { Gauge, type Registry } from 'prom-client';
import type { Pool } from 'pg';
import { reconcileFirstMs, reconcileIntervalMs, reconcileWindowMs } from '../engine/limits.ts';
import type { Bank } from '../engine/ports/bank.ts';
import type { Observer } from '../engine/ports/observer.ts';
import {
  bankKinds,
  type Difference,
  type DifferenceKind,
  ledgerKinds,
  type Patience,
} from '../engine/reconcile/difference.ts';
import { reconcileAlone } from '../engine/reconcile/reconcile.ts';
import { repeat, type Repetition } from './repeat.ts';

export interface ReconcilingDeps {
  readonly pool: Pool;
  readonly bank: Pick<Bank, 'query' | 'list'>;
  readonly observer: Pick<Observer, 'log'>;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Default: the limits. */
  readonly rhythm?: Repetition;
  readonly patience?: Patience;
}

const rhythmDefault: Repetition = { intervalMs: reconcileIntervalMs, firstMs: reconcileFirstMs };

/** What a run came to. */
type Result = 'agree' | 'differ' | 'failed';

/** Differences that a log line names. */
const namedMax = 10;

/** @returns a function that stops it; a run under way is given up */
export function startReconciling(deps: ReconcilingDeps): () => Promise<void> {
  const { pool, bank, observer, now } = deps;
  const metrics = reconcileMetrics(deps.registry);
  const stopping = new AbortController();

  const run = async () => {
    const counts = new Map<DifferenceKind, number>();
    const named: string[] = [];
    const tell = ({ kind, id, account }: Difference) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (named.length < namedMax) named.push(`${kind} ${id === '' ? account : id}`);
    };
    const until = now();
    try {
      const { signal } = stopping;
      const span = { from: until - reconcileWindowMs, until, patience: deps.patience };
      const reconciled = await reconcileAlone({ pool, bank, now, signal }, span, tell);
      // Another process is at it: once is enough.
      if (reconciled === undefined) return;
    } catch (error) {
      if (stopping.signal.aborted) return;
      metrics.ended('failed', now());
      observer.log('warn', 'reconciliation could not be done', { error: String(error) });
      return;
    }
    metrics.found(counts);
    metrics.ended(counts.size === 0 ? 'agree' : 'differ', now());
    if (counts.size === 0) return;
    const detail = { counts: Object.fromEntries(counts), first: named };
    observer.log('error', 'reconciliation found differences: npm run reconcile', detail);
  };

  const stop = repeat(run, deps.rhythm ?? rhythmDefault, observer);
  return () => {
    stopping.abort();
    return stop();
  };
}

function reconcileMetrics(registry: Registry) {
  const registers = [registry];
  const differences = new Gauge({
    name: 'hongbao_reconcile_differences',
    help: 'Differences between withdrawals, ledger and bank that the newest complete run found',
    labelNames: ['kind'],
    aggregator: 'max',
    registers,
  });
  const ended = new Gauge({
    name: 'hongbao_reconcile_timestamp_seconds',
    help: 'When the newest run with this result ended, seconds since the epoch; 0: never',
    labelNames: ['result'],
    aggregator: 'max',
    registers,
  });
  // What stands at 0 from the start can be compared with in a rule.
  const results: readonly Result[] = ['agree', 'differ', 'failed'];
  for (const result of results) ended.set({ result }, 0);
  return {
    found(counts: ReadonlyMap<DifferenceKind, number>) {
      for (const kind of [...bankKinds, ...ledgerKinds])
        differences.set({ kind }, counts.get(kind) ?? 0);
    },
    ended: (result: Result, at: number) => ended.set({ result }, at / 1_000),
  };
}
