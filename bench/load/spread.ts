/**
 * Many batches at the same time, five losers to each winner at any moment: a window slides over the batches; each batch
 * in it gets one request per step, ten that win and then fifty that lose, and leaves.
 */

export const packetsEach = 10;
export const requestsEach = 60;
/** Batches that enter the window together; the window holds `requestsEach` such groups. */
export const groupSize = 2;

export interface SpreadRequest {
  readonly batch: number;
  /** 0 … 59: each request of a batch is another receiver's. */
  readonly turn: number;
}

/** Requests before the window is full; until then more of them win. */
export const rampRequests = (groupSize * requestsEach * (requestsEach - 1)) / 2;

/** Gives the requests in order, from the one with number `from` on; undefined after the last batch. */
export function spreadRequests(batches: number, from: number): () => SpreadRequest | undefined {
  const groups = Math.floor(batches / groupSize);
  let step = 0;
  let place = 0;
  const next = (): SpreadRequest | undefined => {
    const oldest = Math.max(0, step - requestsEach + 1);
    // The window is never let run empty: its end would be all losers.
    if (step >= groups) return undefined;
    const group = oldest + Math.floor(place / groupSize);
    const request = { batch: group * groupSize + (place % groupSize), turn: step - group };
    place += 1;
    if (place === (step - oldest + 1) * groupSize) {
      place = 0;
      step += 1;
    }
    return request;
  };
  for (let i = 0; i < from; i += 1) next();
  return next;
}
