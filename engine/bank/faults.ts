/** What the sandbox bank can be told to do wrong, for one payout or for all. For tests, drills and development only. */
import { z } from 'zod';

/**
 * `slow`: answers after `delayMs`. `refuse`: definitely not (422). `refuse_late`: takes the order, refuses after
 * `delayMs`. `error_before`, `error_after`: 500, before or after paying. `silent_before`, `silent_after`: no answer at
 * all. `late`: takes the order, pays after `delayMs`. `forgotten`: no answer, and for `delayMs` the bank knows nothing of
 * the order; then it pays. `malformed`: does what it should and answers `variant`. `twice`: answers twice on one
 * connection, lists payouts twice and out of order. `stale`: a replica that still says `pending`, or lists nothing.
 */
export const faultKinds = [
  'slow',
  'refuse',
  'refuse_late',
  'error_before',
  'error_after',
  'silent_before',
  'silent_after',
  'late',
  'forgotten',
  'malformed',
  'twice',
  'stale',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export const malformedVariants = [
  'html',
  'truncated',
  'huge',
  'redirect',
  'other_id',
  'other_amount',
  'new_status',
  'new_refusal',
] as const;
export type MalformedVariant = (typeof malformedVariants)[number];

export const operations = ['payout', 'query', 'list', 'code'] as const;
export type Operation = (typeof operations)[number];

const delayMsMax = 600_000;

export const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  /** Which call goes wrong. */
  on: z.enum(operations).default('payout'),
  /** Only this payout; otherwise any. */
  id: z.string().min(1).max(64).optional(),
  /** So many calls; otherwise until it is taken away. */
  times: z.int().min(1).optional(),
  /** Of the calls that it could strike. */
  percent: z.int().min(1).max(100).default(100),
  delayMs: z.int().min(0).max(delayMsMax).default(1_000),
  variant: z.enum(malformedVariants).default('html'),
});
export type Fault = z.output<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;

export class Faults {
  #faults: Fault[] = [];
  readonly #random: () => number;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  add(input: FaultInput): Fault {
    const fault = faultSchema.parse(input);
    this.#faults.push(fault);
    return fault;
  }

  clear(): void {
    this.#faults = [];
  }

  get all(): readonly Fault[] {
    return this.#faults;
  }

  /** The fault that strikes this call, which counts; those for one payout come first. */
  strike(on: Operation, id: string | undefined): Fault | undefined {
    const fits = this.#faults.filter(
      (fault) => fault.on === on && (fault.id === undefined || fault.id === id),
    );
    fits.sort((one, other) => Number(other.id !== undefined) - Number(one.id !== undefined));
    const fault = fits.find(({ percent }) => this.#random() * 100 < percent);
    if (fault?.times === undefined) return fault;
    const left = fault.times - 1;
    this.#faults = this.#faults.flatMap((one) => {
      if (one !== fault) return [one];
      return left > 0 ? [{ ...one, times: left }] : [];
    });
    return fault;
  }
}
