/** What the benchmark and its load process say to each other. */

export interface LoadBatch {
  readonly id: string;
  readonly key: string;
}

/** Which requests, in which order. */
export type Traffic =
  /** Every receiver once in the first batch, then every receiver once in the next. */
  | { readonly kind: 'claims'; readonly batches: readonly LoadBatch[] }
  /** All receivers but the first ones, who have emptied the batch; again and again. */
  | { readonly kind: 'losers'; readonly batch: LoadBatch; readonly winners: number }
  /** `spread.ts`; begins at request `from`, so that a round goes on where the last one ended. */
  | { readonly kind: 'spread'; readonly batches: readonly LoadBatch[]; readonly from: number }
  /** A batch's page of claims, by its sender. */
  | { readonly kind: 'details'; readonly batch: LoadBatch }
  /** Create, confirm, audience, claim, open; each connection a sender of its own. */
  | { readonly kind: 'lifecycle' };

export interface LoadOrder {
  readonly url: string;
  readonly connections: number;
  readonly traffic: Traffic;
  /** Either so long, or so many requests. */
  readonly limit: { readonly seconds: number } | { readonly requests: number };
  /** Open loop: requests a second, due at fixed times whatever the server does. */
  readonly rate?: number;
}

export type ToLoad =
  /** Makes the receivers' tokens. */
  | { readonly kind: 'prepare'; readonly secret: string; readonly receivers: number }
  | { readonly kind: 'run'; readonly order: LoadOrder };

export interface LoadResult {
  /** Answers. */
  readonly requests: number;
  /** Some were under way at the end: they are not counted as answers, but may have taken effect. */
  readonly sent: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** When the last answer came, ms since the epoch. */
  readonly lastAnswerAt: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Broken connections and timeouts. */
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** CPU of the load process, seconds. */
  readonly cpuSeconds: number;
}

export type FromLoad =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly reason: string };
