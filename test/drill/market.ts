/** The batches that receivers run for: made one after the other by senders, worn out, replaced. */
import type { Caller } from './caller.ts';
import type { Dice } from './dice.ts';
import type { Heard } from './evidence.ts';

export interface LiveBatch {
  readonly id: string;
  readonly sender: string;
  readonly once: boolean;
  /** With the link's key anyone may claim. */
  readonly linkKey: string | undefined;
  readonly listed: readonly string[];
  refusals: number;
}

const liveMax = 14;
/** Worn out after so many were told that nothing is left. */
const refusalsMax = 30;
const oldMax = 400;

export class Market {
  readonly #caller: Caller;
  readonly #dice: Dice;
  readonly #receivers: readonly string[];
  readonly #live: LiveBatch[] = [];
  readonly #old: LiveBatch[] = [];
  readonly #longestLifeSeconds: number;
  #made = 0;

  constructor(
    caller: Caller,
    dice: Dice,
    receivers: readonly string[],
    longestLifeSeconds: number,
  ) {
    this.#longestLifeSeconds = longestLifeSeconds;
    this.#caller = caller;
    this.#dice = dice;
    this.#receivers = receivers;
  }

  get isFull(): boolean {
    return this.#live.length >= liveMax;
  }

  get made(): number {
    return this.#made;
  }

  /** A batch to claim from; undefined while there is none. */
  live(): LiveBatch | undefined {
    return this.#live.length === 0 ? undefined : this.#dice.pick(this.#live);
  }

  /** One that is worn out: exhausted, expired, most likely not in memory any more. */
  old(): LiveBatch | undefined {
    return this.#old.length === 0 ? undefined : this.#dice.pick(this.#old);
  }

  /** Somebody was told that this batch has nothing left. */
  refused(batch: LiveBatch): void {
    batch.refusals += 1;
    const place = this.#live.indexOf(batch);
    if (batch.refusals < refusalsMax || place < 0) return;
    this.#live.splice(place, 1);
    this.#old.push(batch);
    if (this.#old.length > oldMax) this.#old.shift();
  }

  /** Funds, creates, confirms and opens one batch to receivers; repeats some of it. */
  async make(sender: string): Promise<void> {
    const dice = this.#dice;
    this.#made += 1;
    const name = `${sender}-${this.#made}`;
    const count = dice.between(5, dice.chance(20) ? 150 : 50);
    const fixed = dice.chance(30);
    const once = dice.chance(75);
    const total = fixed ? count * dice.between(1, 500) : dice.between(count, count * 1_000);
    const created = await this.#caller.ask({
      action: 'create',
      user: sender,
      key: `create-${name}`,
      body: {
        count,
        greeting: name,
        oncePerReceiver: once,
        ...(fixed ? { mode: 'fixed', each: total / count } : { mode: 'lucky', total }),
        ...(dice.chance(30) ? { expiresIn: dice.between(1, this.#longestLifeSeconds) } : {}),
      },
    });
    const id = created?.body['id'];
    if (typeof id !== 'string') return;
    const deposit = {
      action: 'deposit',
      user: 'operator',
      body: { userId: sender, asset: 'CNY', amount: total, reference: `deposit-${name}` },
    } as const;
    await this.#caller.ask(deposit);
    if (dice.chance(10)) await this.#caller.ask(deposit);
    // Too early: not active, or without enough money.
    if (dice.chance(10)) await this.#caller.ask({ action: 'claim', user: 'r-0', batch: id });

    const listedFirst = dice.chance(50);
    const anyone = dice.chance(40);
    const listed = this.#receivers.filter(() => dice.chance(anyone ? 20 : 60));
    const extend = () => this.#extend(sender, id, listed, anyone);
    if (listedFirst && !(await extend())) return;
    const confirmed = await this.#confirm(sender, id);
    if (confirmed === undefined) return;
    if (!listedFirst && !(await extend())) return;
    if (dice.chance(10)) await this.#confirm(sender, id);
    const key = new URL(String(confirmed.body['link'])).searchParams.get('k') ?? '';
    const linkKey = anyone ? key : undefined;
    this.#live.push({ id, sender, once, linkKey, listed, refusals: 0 });
  }

  async #confirm(sender: string, batch: string): Promise<Heard | undefined> {
    const heard = await this.#caller.ask({ action: 'confirm', user: sender, batch });
    return heard?.status === 200 ? heard : undefined;
  }

  async #extend(
    sender: string,
    batch: string,
    receivers: readonly string[],
    anyone: boolean,
  ): Promise<boolean> {
    const bodies = [
      ...(receivers.length > 0 ? [{ channel: 'group', receivers }] : []),
      ...(anyone ? [{ channel: 'qr', anyone: true }] : []),
    ];
    for (const body of bodies) {
      const heard = await this.#caller.ask({ action: 'audience', user: sender, batch, body });
      if (heard?.status !== 200) return false;
    }
    return true;
  }
}
