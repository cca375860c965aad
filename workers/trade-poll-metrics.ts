/** Polls as metrics, by platform and by what came of them. Labels are words of ours; no account is ever one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { PollOutcome } from './trade-poll-account.ts';

export interface PollMeter {
  polled(
    platform: string,
    result: PollOutcome['code'] | 'failed',
    lagMs: number,
    tookMs: number,
  ): void;
  received(platform: string, trades: number): void;
  scheduled(platform: string, accounts: number): void;
  /** Accounts that have not been polled for much longer than their interval. */
  late(platform: string, accounts: number): void;
}

const lagSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const pollSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function pollMetrics(registry: Registry): PollMeter {
  const registers = [registry];
  const polls = new Counter({
    name: 'hongbao_trade_polls_total',
    help: 'Polls of trade platforms, by what came of them',
    labelNames: ['platform', 'result'],
    registers,
  });
  const lag = new Histogram({
    name: 'hongbao_trade_poll_lag_seconds',
    help: 'From when a poll was due until it began',
    labelNames: ['platform'],
    buckets: lagSeconds,
    registers,
  });
  const duration = new Histogram({
    name: 'hongbao_trade_poll_duration_seconds',
    help: 'Duration of one poll, its transactions included',
    labelNames: ['platform'],
    buckets: pollSeconds,
    registers,
  });
  const trades = new Counter({
    name: 'hongbao_trade_poll_trades_total',
    help: 'Trades that polls have brought, those known before among them',
    labelNames: ['platform'],
    registers,
  });
  const schedules = new Counter({
    name: 'hongbao_trade_poll_schedules_total',
    help: 'Schedules made, or made again because their polls did not come',
    labelNames: ['platform'],
    registers,
  });
  const late = new Gauge({
    name: 'hongbao_trade_poll_late_accounts',
    help: 'Accounts that have not been polled to the end for more than three intervals',
    labelNames: ['platform'],
    aggregator: 'max',
    registers,
  });
  return {
    polled(platform, result, lagMs, tookMs) {
      polls.inc({ platform, result });
      lag.observe({ platform }, Math.max(0, lagMs) / 1_000);
      duration.observe({ platform }, tookMs / 1_000);
    },
    received: (platform, count) => trades.inc({ platform }, count),
    scheduled: (platform, accounts) => schedules.inc({ platform }, accounts),
    late: (platform, accounts) => late.set({ platform }, accounts),
  };
}
