/** HTTP benchmarks: the real server side by side with the limit and the alternatives, everything durable. */
import { randomBytes } from 'node:crypto';
import { type Load, startLoad } from './http/children.ts';
import { isForMillion, measureMillion, type Million, millionLine } from './http/million.ts';
import { type HttpRound, httpRound, type RoundOrder } from './http/round.ts';
import type { Target } from './http/target.ts';
import { startTargets } from './http/targets.ts';
import { type Session, type Workload, workloads } from './http/workloads.ts';
import type { Cleanup } from './support/cleanup.ts';
import { median } from './support/stats.ts';
import { whole } from './support/table.ts';

export interface HttpSettings {
  readonly seconds: number;
  readonly rounds: number;
  /** Open-loop rounds. */
  readonly openRounds: number;
  /** Of `hot`; other workloads run with `connections`. */
  readonly hotConnections: readonly number[];
  readonly connections: number;
  /** Tokens in turn; below the gateway's cache of verified tokens. */
  readonly receivers: number;
  readonly packets: number;
  readonly spreadBatches: number;
  /** `million` stands for the measurement that takes all packets of one batch. */
  readonly parts: readonly string[];
  readonly workloads: readonly string[];
  readonly targets: readonly string[];
}

export interface HttpResults {
  readonly rounds: readonly HttpRound[];
  readonly millions: readonly Million[];
}

/** What a target may come to, whatever its first round on a busy machine was like. */
const expectedPerSecond = 40_000;
const limitPerSecond = 60_000;

export async function httpBench(
  settings: HttpSettings,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<HttpResults> {
  const secret = randomBytes(32).toString('base64url');
  const load = startLoad(secret, cleanup);
  await load.prepare(settings.receivers);
  const wanted = (name: string) => settings.targets.length === 0 || settings.targets.includes(name);
  const targets = await startTargets(secret, load, redis, wanted, cleanup, print);
  const rounds: HttpRound[] = [];
  const millions: Million[] = [];
  for (const workload of workloads) {
    if (!settings.parts.includes('http') || !settings.workloads.includes(workload.name)) continue;
    const counts = workload.name === 'hot' ? settings.hotConnections : [settings.connections];
    const takers = targets.filter((target) => workload.takes(target));
    const measure = new Measurement(load, workload, takers, settings, print);
    await measure.start();
    for (const connections of counts) rounds.push(...(await measure.run(connections)));
  }
  if (settings.parts.includes('million')) {
    print('\nmillion: all packets of one batch, every token new');
    await load.prepare(settings.packets);
    for (const target of targets.filter(isForMillion)) {
      const million = await measureMillion(load, target, settings);
      millions.push(million);
      print(`  ${millionLine(million)}`);
    }
  }
  return { rounds, millions };
}

/** One workload on all its targets. */
class Measurement {
  readonly #load: Load;
  readonly #workload: Workload;
  readonly #targets: readonly Target[];
  readonly #settings: HttpSettings;
  readonly #print: (line: string) => void;
  readonly #sessions = new Map<Target, Session>();
  /** The most requests per second so far. */
  readonly #best = new Map<Target, number>();

  constructor(
    load: Load,
    workload: Workload,
    targets: readonly Target[],
    settings: HttpSettings,
    print: (line: string) => void,
  ) {
    this.#load = load;
    this.#workload = workload;
    this.#targets = targets;
    this.#settings = settings;
    this.#print = print;
  }

  /** Makes ready and warms up. */
  async start(): Promise<void> {
    this.#print(`\n${this.#workload.title}`);
    for (const target of this.#targets) {
      const session = await this.#workload.start(target, this.#load, this.#settings);
      this.#sessions.set(target, session);
      await this.#round(target, this.#settings.connections, 'warm-up');
    }
  }

  async run(connections: number): Promise<HttpRound[]> {
    const { rounds, openRounds } = this.#settings;
    const done: HttpRound[] = [];
    const rates = new Map<Target, number[]>();
    for (let i = 0; i < rounds; i += 1) {
      for (const target of inTurn(this.#targets, i)) {
        const round = await this.#round(target, connections, undefined);
        done.push(round);
        rates.set(target, [...(rates.get(target) ?? []), round.requestsPerSecond]);
      }
    }
    // Once for each workload is enough.
    if (connections !== this.#settings.connections) return done;
    for (let i = 0; i < openRounds; i += 1) {
      for (const target of inTurn(this.#targets, i)) {
        // Half of what it can do with so many connections.
        const half = Math.max(1, Math.floor(median(rates.get(target) ?? []) / 2));
        done.push(await this.#round(target, connections, half));
      }
    }
    return done;
  }

  async #round(
    target: Target,
    connections: number,
    rate: number | 'warm-up' | undefined,
  ): Promise<HttpRound> {
    const { seconds, receivers } = this.#settings;
    const warmUp = rate === 'warm-up';
    const paced = typeof rate === 'number' ? { rate } : {};
    const guess = target.kind === 'limit' ? limitPerSecond : expectedPerSecond;
    const best = this.#best.get(target) ?? guess;
    const perSecond = paced.rate ?? (target.slow === true ? best : Math.max(best, guess));
    const everyToken = warmUp && this.#workload.everyToken === true && target.slow !== true;
    const order: RoundOrder = {
      target,
      workload: this.#workload,
      session: this.#sessions.get(target) as Session,
      connections,
      expected: everyToken ? receivers : Math.ceil(perSecond * seconds),
      limit: everyToken ? { requests: receivers } : { seconds },
      ...paced,
    };
    const round = await httpRound(this.#load, order);
    this.#best.set(target, Math.max(best ?? 0, round.requestsPerSecond));
    const mode = warmUp ? 'warm-up' : rate === undefined ? 'closed loop' : 'open loop';
    const state = round.problems.length === 0 ? '' : `  VOID: ${round.problems.join('; ')}`;
    this.#print(
      `  ${mode}, ${connections} connections, ${target.name}: ` +
        `${whole(round.requestsPerSecond)}/s, p99 ${round.result.p99Ms.toFixed(1)} ms${state}`,
    );
    return round;
  }
}

/** Nobody always runs first, or right after the same neighbour. */
function inTurn(targets: readonly Target[], round: number): readonly Target[] {
  const turned = [
    ...targets.slice(round % targets.length),
    ...targets.slice(0, round % targets.length),
  ];
  return round % 2 === 0 ? turned : turned.toReversed();
}
