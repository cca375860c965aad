/** Trades that come in as metrics. Labels are words of ours; no id, account or title is ever one. */
import { Counter, type Registry } from 'prom-client';
import type { TradePath } from '../trade-http/config.ts';
import type { Taken } from './accept.ts';

/** What became of a push. `unknown_account`: some of its trades are of accounts that nobody has given. */
export type PushResult =
  | 'accepted'
  | 'repeated'
  | 'unknown_account'
  | 'ping'
  | 'bad_signature'
  | 'too_old'
  | 'malformed';

export interface IntakeMeter {
  taken(platform: string, path: TradePath, taken: Taken): void;
  pushed(platform: string, result: PushResult): void;
  /** A platform was told of a mapping, or did not hear. */
  mapped(platform: string, result: 'told' | 'failed'): void;
}

export const silentIntakeMeter: IntakeMeter = { taken() {}, pushed() {}, mapped() {} };

export function intakeMetrics(registry: Registry): IntakeMeter {
  const registers = [registry];
  const trades = new Counter({
    name: 'hongbao_trades_total',
    help: 'Trades that came in, by what became of them: shared, unmatched (new, and of no chosen type), known',
    labelNames: ['platform', 'path', 'result'],
    registers,
  });
  const quarantined = new Counter({
    name: 'hongbao_trades_quarantined_total',
    help: 'Trades that were not let in, by reason; one that comes again counts again',
    labelNames: ['platform', 'reason'],
    registers,
  });
  const pushes = new Counter({
    name: 'hongbao_trade_pushes_total',
    help: 'Pushes of trade platforms, by what came of them',
    labelNames: ['platform', 'result'],
    registers,
  });
  const mappings = new Counter({
    name: 'hongbao_trade_mappings_total',
    help: 'Calls that tell a platform whose trades to push',
    labelNames: ['platform', 'result'],
    registers,
  });
  return {
    taken(platform, path, taken) {
      for (const result of ['shared', 'unmatched', 'known'] as const) {
        if (taken[result] > 0) trades.inc({ platform, path, result }, taken[result]);
      }
      for (const { reason } of taken.quarantined) {
        // What exactly is malformed stands in the table.
        quarantined.inc({ platform, reason: reason.replace(/ .*$/s, '') });
      }
    },
    pushed: (platform, result) => pushes.inc({ platform, result }),
    mapped: (platform, result) => mappings.inc({ platform, result }),
  };
}
