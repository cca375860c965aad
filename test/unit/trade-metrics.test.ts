/** What metrics say of trades that come in: words of ours, and nothing of what was sent. (T7, T9) */
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { intakeMetrics } from '../../engine/trade-intake/meter.ts';
import type { Quarantined } from '../../engine/trade-intake/quarantine.ts';

const quarantined = (reason: Quarantined['reason']): Quarantined => ({
  reason,
  userId: 'ann',
  account: 'alice',
  tradeId: 'T-1',
  digest: Buffer.alloc(32),
});

test('trades by result, quarantined ones by reason, pushes and mappings', async () => {
  const registry = new Registry();
  const meter = intakeMetrics(registry);
  const list = [
    quarantined('price'),
    quarantined('malformed title: too_big'),
    quarantined('price'),
  ];
  meter.taken('mall', 'poll', { shared: 3, unmatched: 0, known: 2, quarantined: list });
  meter.taken('mall', 'push', { shared: 1, unmatched: 4, known: 0, quarantined: [] });
  meter.pushed('mall', 'repeated');
  meter.mapped('mall', 'failed');
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('hongbao'));
  expect(lines.toSorted()).toEqual([
    'hongbao_trade_mappings_total{platform="mall",result="failed"} 1',
    'hongbao_trade_pushes_total{platform="mall",result="repeated"} 1',
    'hongbao_trades_quarantined_total{platform="mall",reason="malformed"} 1',
    'hongbao_trades_quarantined_total{platform="mall",reason="price"} 2',
    'hongbao_trades_total{platform="mall",path="poll",result="known"} 2',
    'hongbao_trades_total{platform="mall",path="poll",result="shared"} 3',
    'hongbao_trades_total{platform="mall",path="push",result="shared"} 1',
    'hongbao_trades_total{platform="mall",path="push",result="unmatched"} 4',
  ]);
});
