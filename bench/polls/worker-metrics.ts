/** What a worker's metrics say about its polls, between two looks. */

export interface PollCounts {
  readonly polls: number;
  /** Polls that did not go through to their end. */
  readonly others: number;
  readonly late: number;
  /** Of the lag: seconds, and how many polls began at most so late. */
  readonly buckets: readonly (readonly [le: number, count: number])[];
}

export async function pollCounts(url: string): Promise<PollCounts> {
  const text = await (await fetch(`${url}/metrics`)).text();
  let polls = 0;
  let others = 0;
  let late = 0;
  const buckets: [number, number][] = [];
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (name === 'hongbao_trade_polls_total') {
      if (labels.includes('result="polled"')) polls += Number(value);
      else others += Number(value);
    } else if (name === 'hongbao_trade_poll_late_accounts') late += Number(value);
    else if (name === 'hongbao_trade_poll_lag_seconds_bucket') {
      const le = /le="([^"]+)"/.exec(labels)?.[1] ?? '';
      buckets.push([le === '+Inf' ? Infinity : Number(le), Number(value)]);
    }
  }
  return { polls, others, late, buckets };
}

/** Milliseconds, linear within a bucket; of the last one its lower bound. */
export function lagMs(before: PollCounts, after: PollCounts, share: number): number {
  const earlier = new Map(before.buckets);
  const counts = after.buckets.map(([le, count]) => [le, count - (earlier.get(le) ?? 0)] as const);
  const wanted = share * (counts.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [le, count] of counts) {
    if (count >= wanted && count > below) {
      const upper = le === Infinity ? lower : le;
      return (lower + ((upper - lower) * (wanted - below)) / (count - below)) * 1_000;
    }
    [lower, below] = [le, count];
  }
  return Number.NaN;
}
