/** The campaign on paper: who funds what, who visits which batch and how. Made from a seed, no I/O. */
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import type { Random } from '../../engine/ports/random.ts';
import type { DemoSettings } from './settings.ts';

export const assets = ['CNY', 'coupon:tea-2026'] as const;
export type Asset = (typeof assets)[number];

export const channels = ['im', 'group', 'feed', 'microblog', 'qr'] as const;

export interface PlannedBatch {
  readonly index: number;
  readonly sender: number;
  readonly mode: 'lucky' | 'fixed';
  readonly asset: Asset;
  readonly count: number;
  readonly total: number;
  /** Amount of every packet, in fixed mode. */
  readonly each: number | undefined;
  readonly channel: (typeof channels)[number];
  /** Whoever holds the link may claim; otherwise only who is listed. */
  readonly anyone: boolean;
  /** Indexes of the receivers that are listed by name. */
  readonly listed: Set<number>;
}

/** What a receiver does at a batch that is meant for him. */
export const scripts = [
  'two_steps',
  'one_step',
  'claim_then_one_step',
  'all_at_once',
  'keeps_closed',
  'open_too_early',
] as const;
export type Script = (typeof scripts)[number];

/** How somebody tries who must not get anything. */
export type Trespass = 'not_listed' | 'wrong_key' | 'no_key';

export type Step =
  | { readonly kind: 'visit'; readonly batch: number; readonly script: Script }
  | { readonly kind: 'trespass'; readonly batch: number; readonly how: Trespass };

export interface Plan {
  readonly batches: readonly PlannedBatch[];
  /** By receiver. */
  readonly steps: readonly (readonly Step[])[];
}

const countMin = 2;
const countMax = 60;
/** Mean of one packet, minor units; far below the default threshold. */
const meanMax = 2_000;
/** One of so many batches is open to anyone with the link, one of so many receivers trespasses. */
const anyoneEvery = 4;
const trespassEvery = 4;

export function makePlan(settings: DemoSettings): Plan {
  const random = seededRandom(settings.seed);
  const batches = Array.from({ length: settings.batches }, (_, index) =>
    planBatch(index, settings, random),
  );
  const steps = Array.from({ length: settings.receivers }, (_, receiver) =>
    planReceiver(receiver, batches, settings, random),
  );
  // Only now it is known who is listed where.
  steps.forEach((own, receiver) => {
    if (receiver % trespassEvery === 0) own.push(...planTrespass(own, batches, random));
  });
  return { batches, steps };
}

function planBatch(index: number, settings: DemoSettings, random: Random): PlannedBatch {
  const mode = index % 2 === 0 ? 'lucky' : 'fixed';
  const count = countMin + random.below(countMax - countMin + 1);
  const mean = 1 + random.below(meanMax);
  const each = mode === 'fixed' ? mean : undefined;
  return {
    index,
    sender: index % settings.senders,
    mode,
    asset: pick(assets, random),
    count,
    total: mode === 'fixed' ? mean * count : count + random.below(meanMax * count),
    each,
    channel: channels[index % channels.length] ?? 'im',
    anyone: index % anyoneEvery === 0,
    listed: new Set(),
  };
}

function planReceiver(
  receiver: number,
  batches: readonly PlannedBatch[],
  { visits }: DemoSettings,
  random: Random,
): Step[] {
  const chosen = new Set<number>();
  while (chosen.size < visits) chosen.add(random.below(batches.length));
  return [...chosen].map((batch) => {
    const planned = batches[batch];
    // In an open batch some are listed all the same, and need no key.
    if (planned !== undefined && (!planned.anyone || random.below(2) === 0)) {
      planned.listed.add(receiver);
    }
    return { kind: 'visit', batch, script: pick(scripts, random) };
  });
}

/** Tries at a batch he does not visit: where he has claimed, a claim would be a repeat and no trespass. */
function planTrespass(
  own: readonly Step[],
  batches: readonly PlannedBatch[],
  random: Random,
): Step[] {
  const batch = random.below(batches.length);
  const planned = batches[batch];
  if (planned === undefined || own.some((step) => step.batch === batch)) return [];
  if (!planned.anyone) return [{ kind: 'trespass', batch, how: 'not_listed' }];
  return (['wrong_key', 'no_key'] as const).map((how) => ({ kind: 'trespass', batch, how }));
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)] as T;
}
