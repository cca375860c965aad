/** The result of a drill of payouts, in words. */
import { table } from '../../../bench/support/table.ts';
import { findingKinds } from '../findings.ts';
import type { PayoutDrillResult } from './play.ts';

const shownMax = 20;

export function payoutsHold({ findings, broken }: PayoutDrillResult): boolean {
  return findings.all.length === 0 && broken === undefined;
}

export function payoutReport(result: PayoutDrillResult): string {
  const { options, books, deaths, kills, findings, restMs, broken } = result;
  const ours = books?.ours ?? [];
  const count = (status: string) => String(ours.filter((one) => one.status === status).length);
  const repeats = (books?.lines ?? []).filter(({ line }) => line === 'repeat').length;
  const { backend, seed, mutant } = options;
  const rows: [string, string][] = [
    ['backend', `${backend}, seed ${seed}`],
    ['workers', mutant === undefined ? 'as they are' : `broken: ${mutant}`],
    ['withdrawals', String(ours.length)],
    ['paid', count('paid')],
    ['failed, money given back', count('failed')],
    ['rejected, never ordered', count('rejected')],
    ['orders that the bank got again', String(repeats)],
    ...[...deaths].map(([step, n]): [string, string] => [
      `worker died ${step.replace('_', ' ')}`,
      String(n),
    ]),
    ['worker killed at any moment', String(kills.workers)],
    ['bank killed at any moment', String(kills.bank)],
    ['bank killed when it had paid, before it answered', String(kills.bankAfterPaying)],
    ...findingKinds.map((kind): [string, string] => [kind, String(findings.count(kind))]),
    ['all ended after', restMs === undefined ? 'never' : `${Math.round(restMs)} ms`],
  ];
  const text = [table([{ title: 'payout drill', align: 'left' }, { title: '' }], rows)];
  if (broken !== undefined) text.push(`NOT PLAYED TO THE END: ${broken}`);
  for (const { kind, text: found } of findings.all.slice(0, shownMax))
    text.push(`${kind}: ${found}`);
  return text.join('\n');
}
