/** Messages between the benchmark and the process that holds its streams. */

export type ToListeners =
  /** Opens a stream for each of the first `count` receivers; those with a last id resume. */
  | {
      readonly kind: 'open';
      readonly port: number;
      readonly secret: string;
      readonly count: number;
    }
  /** From now on the first `count` streams are expected to bring one message. */
  | { readonly kind: 'expect'; readonly count: number }
  | { readonly kind: 'close' };

export type FromListeners =
  | { readonly kind: 'opened'; readonly seconds: number }
  | { readonly kind: 'expecting' }
  /** When messages came, in ms of the system's monotonic clock, ascending. */
  | { readonly kind: 'delivered'; readonly atMs: readonly number[] }
  | { readonly kind: 'closed'; readonly heartbeats: number; readonly lost: number };

/** The same clock in all processes of this machine. */
export const systemMs = (): number => Number(process.hrtime.bigint()) / 1e6;
