/** The workloads: what is asked, which answers are right, and how many claims must stand in the books afterwards. */
import type { LoadBatch, LoadResult, Traffic } from '../load/protocol.ts';
import { packetsEach } from '../load/spread.ts';
import type { Load } from './children.ts';
import type { Target } from './target.ts';

export interface WorkloadSettings {
  readonly receivers: number;
  /** Of the batches of `hot`. */
  readonly packets: number;
  readonly spreadBatches: number;
}

export interface Claims {
  /** Answered as claimed. */
  readonly told: number;
  /** And those whose answer was cut off at the end. */
  readonly max: number;
}

/** A workload on one target, made ready once. */
export interface Session {
  /** Requests for the next round, of which there will be about so many. */
  traffic(expected: number): Promise<Traffic>;
  /** After each round. */
  done(result: LoadResult): void;
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly takes: (target: Target) => boolean;
  readonly statuses: readonly string[];
  /** The warm-up shows every receiver's token once, so that it is known from then on. */
  readonly everyToken?: boolean;
  claims(result: LoadResult, connections: number): Claims;
  start(target: Target, load: Load, settings: WorkloadSettings): Promise<Session>;
}

/** A guess may be too low by so much. */
const reserve = 1.5;
const detailsClaims = 200;
const lifeRequests = 5;
const nothing = () => undefined;

const claimed = ({ statuses, requests, sent }: LoadResult): Claims => {
  const told = statuses['201'] ?? 0;
  return { told, max: told + sent - requests };
};
const none = () => ({ told: 0, max: 0 });
const everybody = () => true;
const oursAndLimit = ({ kind }: Target) => kind !== 'peer';

async function oneBatch(target: Target, packets: number): Promise<LoadBatch> {
  const [batch] = await target.makeBatches(1, packets);
  if (batch === undefined) throw new Error('no batch was made');
  return batch;
}

/** Claims by the first receivers, outside of any measurement. */
async function claimSome(target: Target, load: Load, packets: number, claims: number) {
  const batch = await oneBatch(target, packets);
  const traffic: Traffic = { kind: 'claims', batches: [batch] };
  const limit = { requests: claims };
  await load.run({ url: target.url, connections: Math.min(claims, 20), traffic, limit });
  return batch;
}

const hot: Workload = {
  name: 'hot',
  title: 'hot: one batch of a million packets, every request another receiver’s claim',
  takes: everybody,
  statuses: ['201'],
  everyToken: true,
  claims: claimed,
  start: (target, _load, { receivers, packets }) =>
    Promise.resolve({
      async traffic(expected) {
        // A receiver claims once in a batch; who needs more receivers than there are goes on with another batch.
        const count = Math.ceil((expected * reserve) / receivers);
        return { kind: 'claims', batches: await target.makeBatches(count, packets) };
      },
      done: nothing,
    }),
};

const spread: Workload = {
  name: 'spread',
  title: 'spread: many batches of 10 packets, five losers to each winner',
  takes: everybody,
  statuses: ['201', '410'],
  claims: claimed,
  async start(target, _load, { spreadBatches }) {
    const batches = await target.makeBatches(spreadBatches, packetsEach);
    let from = 0;
    return {
      traffic: () => Promise.resolve({ kind: 'spread', batches, from }),
      done({ sent }) {
        from = target.kind === 'limit' ? 0 : from + sent;
      },
    };
  },
};

const losers: Workload = {
  name: 'losers',
  title: 'losers: an exhausted batch, every request refused',
  takes: everybody,
  statuses: ['410'],
  claims: none,
  async start(target, load) {
    const winners = 2;
    const batch = await claimSome(target, load, winners, winners);
    return {
      traffic: () => Promise.resolve({ kind: 'losers', batch, winners }),
      done: nothing,
    };
  },
};

const details: Workload = {
  name: 'details',
  title: 'details: the first page of a batch’s claims (50 of 200), by its sender',
  takes: oursAndLimit,
  statuses: ['200'],
  claims: none,
  async start(target, load) {
    const batch = await claimSome(target, load, detailsClaims, detailsClaims);
    return { traffic: () => Promise.resolve({ kind: 'details', batch }), done: nothing };
  },
};

const lifecycle: Workload = {
  name: 'lifecycle',
  title: 'lifecycle: create, confirm, audience, claim, open; a request is one of the five',
  takes: oursAndLimit,
  statuses: ['200', '201'],
  // Each connection may be in the middle of a life.
  claims: ({ requests, sent }, connections) => ({
    told: Math.max(0, Math.floor(requests / lifeRequests) - connections),
    max: Math.ceil(sent / lifeRequests) + connections,
  }),
  async start(target) {
    await target.books?.fundSenders?.();
    return { traffic: () => Promise.resolve({ kind: 'lifecycle' }), done: nothing };
  },
};

export const workloads: readonly Workload[] = [hot, spread, losers, details, lifecycle];
