/** What the sandbox platform can be told to do wrong, for one account or for all. */
import { z } from 'zod';

/**
 * `slow`: answers after `delayMs`. `silent`: never. `error`: 500. `busy`: 429 with Retry-After. `expired`: the session is
 * no longer known. `html`, `truncated`, `huge`, `redirect`: instead of the answer. `twice`: every trade twice. `reversed`:
 * newest first. `broken`: one more trade in the page that is none, and one of several megabytes.
 */
export const platformFaultKinds = [
  'slow',
  'silent',
  'error',
  'busy',
  'expired',
  'html',
  'truncated',
  'huge',
  'redirect',
  'twice',
  'reversed',
  'broken',
] as const;

export const platformFaultSchema = z.strictObject({
  kind: z.enum(platformFaultKinds),
  on: z.enum(['login', 'trades', 'register']).default('trades'),
  /** Only this account; otherwise any. */
  account: z.string().min(1).optional(),
  /** So many calls; otherwise until it is taken away. */
  times: z.int().min(1).optional(),
  percent: z.int().min(1).max(100).default(100),
  delayMs: z.int().min(0).max(600_000).default(1_000),
});
export type PlatformFault = z.output<typeof platformFaultSchema>;
export type PlatformOperation = PlatformFault['on'];

export class PlatformFaults {
  #faults: { readonly fault: PlatformFault; left: number }[] = [];
  readonly #random: () => number;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  add(input: z.input<typeof platformFaultSchema>): PlatformFault {
    const fault = platformFaultSchema.parse(input);
    this.#faults.push({ fault, left: fault.times ?? Infinity });
    return fault;
  }

  clear(): void {
    this.#faults = [];
  }

  get all(): readonly PlatformFault[] {
    return this.#faults.map(({ fault }) => fault);
  }

  /** The fault that strikes this call, which counts. */
  strike(on: PlatformOperation, account: string | undefined): PlatformFault | undefined {
    const struck = this.#faults.find(
      ({ fault }) =>
        fault.on === on &&
        (fault.account === undefined || fault.account === account) &&
        this.#random() * 100 < fault.percent,
    );
    if (struck === undefined) return undefined;
    struck.left -= 1;
    this.#faults = this.#faults.filter(({ left }) => left > 0);
    return struck.fault;
  }
}
