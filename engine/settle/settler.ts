/**
 * Settler: what a queue consumer needs around `settleOwner`. Calls for one owner join the run under way, and the
 * payload that came with a job spares a second fetch (payloads are frozen, so a copy is as good as the original).
 *
 * A transaction costs milliseconds whatever it holds, so an owner rests after each one: what comes meanwhile settles
 * together. It does not rest when a transaction's worth is waiting, when no more jobs can come (all places are taken by
 * those that wait, as in a backlog), nor while somebody waits for it (`hurry`). In a burst it rests longer; see burst.ts.
 */
import {
  burstJobsMax,
  burstMsMax,
  burstRestMs,
  hurriedMs,
  settleConcurrency,
  settleEnoughBytes,
  settleRestMs,
} from '../limits.ts';
import type { Timer } from '../ports/clock.ts';
import { parseJobId, type Journal } from '../ports/journal.ts';
import { Burst } from './burst.ts';
import { settleOwner, type SettleDeps } from './settle.ts';

export interface SettlerDeps extends SettleDeps {
  readonly journal: Journal;
  /** Waiting bytes that make a burst; default: the limit. */
  readonly burstBytes?: number | undefined;
}

interface Run {
  /** Highest seq that has asked; fixed once the run has begun. */
  wanted: number;
  /** Payload bytes that have asked. */
  bytes: number;
  /** Ends the rest before the run. */
  begin(): void;
  begun: boolean;
  done: Promise<void>;
}

interface Known {
  /** Committed: `settled` only grows, so a later look would tell no less. */
  settled: number;
  /** End of the newest run, in monotonic ms. */
  endedAt: number;
}

/** Owners remembered; one that was forgotten is only asked again. */
const knownMax = 1_000;

export class Settler {
  readonly #deps: SettleDeps;
  readonly #runs = new Map<number, Run>();
  readonly #known = new Map<number, Known>();
  readonly #payloads = new Map<string, string>();
  readonly #journal: Pick<Journal, 'depth'>;
  readonly #burst: Burst;
  #hurriedAt = Number.NEGATIVE_INFINITY;
  #closing = false;

  constructor(deps: SettlerDeps) {
    this.#burst = new Burst(deps.burstBytes);
    const read = async (ids: readonly string[]) => {
      const missing = ids.filter((id) => !this.#payloads.has(id));
      const fetched = missing.length === 0 ? [] : await deps.journal.read(missing);
      const found = new Map(missing.map((id, i) => [id, fetched[i]]));
      return ids.map((id) => this.#payloads.get(id) ?? found.get(id));
    };
    this.#journal = deps.journal;
    const onHeard = () => this.#noteWaiting();
    this.#deps = { ...deps, journal: { read }, onHeard };
  }

  /** Resolves once this job, and every one before it, has taken effect. */
  async settleJob(id: string, payload: string): Promise<void> {
    const parsed = parseJobId(id);
    if (parsed === undefined) throw new Error(`not a job of this journal: ${id}`);
    this.#payloads.set(id, payload);
    if (this.#isFull) this.#beginAll();
    try {
      await this.#settle(parsed.number, parsed.seq, payload.length);
    } finally {
      this.#payloads.delete(id);
    }
  }

  /** Somebody waits for what he was told to be settled: those who rest begin. */
  hurry(): void {
    this.#noteWaiting();
    this.#beginAll();
  }

  #noteWaiting(): void {
    this.#hurriedAt = this.#deps.clock.monotonic();
  }

  #beginAll(): void {
    for (const run of this.#runs.values()) run.begin();
  }

  /** No rest from now on: whoever closes waits for the handlers under way. */
  close(): void {
    this.#closing = true;
    this.#beginAll();
  }

  async #settle(number: number, seq: number, bytes: number): Promise<void> {
    while ((this.#known.get(number)?.settled ?? 0) < seq) {
      const running = this.#runs.get(number);
      if (running?.begun === true) {
        await running.done.catch(() => undefined);
        continue;
      }
      const run = running ?? this.#start(number);
      run.wanted = Math.max(run.wanted, seq);
      run.bytes += bytes;
      if (!this.#standsBack && (run.bytes >= settleEnoughBytes || this.#isFull)) run.begin();
      await run.done;
    }
  }

  #start(number: number): Run {
    const { promise: rested, resolve } = Promise.withResolvers<void>();
    let timer: Timer | undefined;
    const run: Run = {
      wanted: 0,
      bytes: 0,
      begun: false,
      begin() {
        timer?.cancel();
        resolve();
      },
      done: rested.then(() => this.#run(number, run)),
    };
    this.#runs.set(number, run);
    const restMs = this.#restMs(number);
    if (restMs > 0) timer = this.#deps.clock.after(restMs, resolve);
    else resolve();
    return run;
  }

  #restMs(number: number): number {
    const { endedAt } = this.#known.get(number) ?? {};
    if (endedAt === undefined || this.#closing) return 0;
    const restMs = this.#standsBack ? burstRestMs : settleRestMs;
    return endedAt + restMs - this.#deps.clock.monotonic();
  }

  /** Only a little is settled now and then: a crowd is being answered, and nobody waits or listens for what is settled. */
  get #standsBack(): boolean {
    return this.#burst.isOn && this.#deps.clock.monotonic() - this.#hurriedAt > hurriedMs;
  }

  /** No more jobs can come before some of these have settled. */
  get #isFull(): boolean {
    return this.#payloads.size >= settleConcurrency && !this.#standsBack;
  }

  /** Of the payloads at hand. */
  get #meanBytes(): number {
    let bytes = 0;
    for (const payload of this.#payloads.values()) bytes += payload.length;
    return bytes / Math.max(1, this.#payloads.size);
  }

  /** Who asked for more asks again. Of several owners none may hold all places: jobs of the others come behind its own. */
  #aLittle(number: number, wanted: number): number {
    const longAgo = this.#deps.clock.monotonic() - burstMsMax;
    for (const [other, { endedAt }] of this.#known) {
      if (other !== number && endedAt > longAgo) return wanted;
    }
    return Math.min(wanted, (this.#known.get(number)?.settled ?? wanted) + burstJobsMax);
  }

  async #run(number: number, run: Run): Promise<void> {
    run.begun = true;
    try {
      const { clock } = this.#deps;
      const standsBack = this.#standsBack;
      const wanted = standsBack ? this.#aLittle(number, run.wanted) : run.wanted;
      const settled = await settleOwner(this.#deps, number, wanted, standsBack);
      this.#remember(number, { settled, endedAt: clock.monotonic() });
      const jobs = await this.#journal.depth().catch(() => undefined);
      this.#burst.note(jobs, this.#meanBytes, clock.monotonic());
    } finally {
      this.#runs.delete(number);
    }
  }

  #remember(number: number, known: Known): void {
    this.#known.delete(number);
    this.#known.set(number, known);
    if (this.#known.size <= knownMax) return;
    for (const [oldest] of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }
}
