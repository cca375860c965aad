/** What the benchmark and its load process say to each other. */

export interface LoadBatch {
  readonly id: string;
  readonly key: string;
}

export type ToLoad =
  /** Makes the receivers' tokens. */
  | { readonly kind: 'prepare'; readonly secret: string; readonly receivers: number }
  | {
      readonly kind: 'run';
      readonly url: string;
      readonly connections: number;
      readonly batches: readonly LoadBatch[];
      /** Either so long, or every receiver once. */
      readonly seconds: number | undefined;
    };

export interface LoadResult {
  readonly requests: number;
  /** Answers under way at the end are not counted, but their claims may have taken effect. */
  readonly sent: number;
  readonly seconds: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Broken connections and timeouts. */
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the load process, seconds. */
  readonly cpuSeconds: number;
}

export type FromLoad =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly reason: string };
