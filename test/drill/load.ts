/** Continuous load: senders that make batches, receivers that claim, open, repeat, read and try what is forbidden. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from './caller.ts';
import type { Dice } from './dice.ts';
import type { Ask, Evidence, Heard } from './evidence.ts';
import { type LiveBatch, Market } from './market.ts';

export interface LoadOptions {
  readonly receivers: number;
  /** Receivers that act at the same time. */
  readonly lanes: number;
  /** Of batches that expire. */
  readonly longestLifeSeconds: number;
}

const senderLanes = 3;
const idleMs = 50;
/** A lane's pause between two scripts. */
const thinkMsMax = 30;

const scripts = {
  claimAndOpen: 8,
  claimThenOpen: 5,
  claimOnly: 2,
  twice: 2,
  together: 2,
  trespass: 1,
  old: 3,
  accounts: 4,
  page: 2,
} as const;
type Script = keyof typeof scripts;

const usedUp = new Set(['exhausted', 'expired']);

export class Load {
  readonly #caller: Caller;
  readonly #evidence: Evidence;
  readonly #dice: Dice;
  readonly #market: Market;
  readonly #receivers: readonly string[];
  /** Newest job told to each receiver. */
  readonly #positions = new Map<string, string>();
  #stopping = false;
  #lanes: Promise<unknown> = Promise.resolve();
  #nextKey = 1;

  constructor(caller: Caller, evidence: Evidence, dice: Dice, options: LoadOptions) {
    this.#caller = caller;
    this.#evidence = evidence;
    this.#dice = dice;
    this.#receivers = Array.from({ length: options.receivers }, (_, i) => `r-${i}`);
    this.#market = new Market(caller, dice, this.#receivers, options.longestLifeSeconds);
  }

  get batchesMade(): number {
    return this.#market.made;
  }

  start(lanes: number): void {
    this.#lanes = Promise.all([
      ...Array.from({ length: senderLanes }, (_, i) => this.#send(`s-${i}`)),
      ...Array.from({ length: lanes }, () => this.#receive()),
    ]);
  }

  /** Begins nothing new; resolves when everything that was asked is answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#lanes;
  }

  async #send(sender: string): Promise<void> {
    while (!this.#stopping) {
      if (this.#market.isFull) await sleep(idleMs);
      else await this.#market.make(sender);
    }
  }

  async #receive(): Promise<void> {
    while (!this.#stopping) {
      const batch = this.#market.live();
      if (batch === undefined) await sleep(idleMs);
      else await this.#play(this.#dice.weighted(scripts), batch);
      await sleep(this.#dice.between(0, thinkMsMax));
    }
  }

  async #play(script: Script, live: LiveBatch): Promise<void> {
    const old = script === 'old' ? this.#market.old() : undefined;
    const batch = old ?? live;
    const user = this.#userFor(batch);
    switch (script) {
      case 'old':
      case 'claimAndOpen':
        return void (await this.#claim(batch, user, true));
      case 'claimOnly':
        return void (await this.#claim(batch, user, false));
      case 'claimThenOpen': {
        const claimed = await this.#claim(batch, user, false);
        if (claimed !== undefined && claimed.status < 300) await this.#open(batch, user, claimed);
        return;
      }
      case 'twice': {
        const key = this.#keyFor(batch);
        await Promise.all([
          this.#claim(batch, user, true, key),
          // The same key with another wish is a misuse and refused.
          this.#claim(batch, user, this.#dice.chance(80), key),
        ]);
        return;
      }
      case 'together':
        await Promise.all([this.#claim(batch, user, false), this.#open(batch, user)]);
        return;
      case 'trespass':
        return this.#trespass(batch);
      case 'accounts':
        return void (await this.#caller.ask({ action: 'accounts', user, ...this.#after(user) }));
      case 'page':
        return this.#read(batch);
    }
  }

  #userFor(batch: LiveBatch): string {
    const byLink = batch.linkKey !== undefined && this.#dice.chance(50);
    return this.#dice.pick(byLink || batch.listed.length === 0 ? this.#receivers : batch.listed);
  }

  #keyFor(batch: LiveBatch): string | undefined {
    if (batch.once) return undefined;
    this.#nextKey += 1;
    return `claim-${this.#nextKey}`;
  }

  async #claim(
    batch: LiveBatch,
    user: string,
    open: boolean,
    key = this.#keyFor(batch),
  ): Promise<Heard | undefined> {
    const { id, linkKey } = batch;
    const heard = await this.#caller.ask({
      action: 'claim',
      user,
      batch: id,
      open,
      ...(key === undefined ? {} : { key }),
      ...(linkKey === undefined ? {} : { linkKey }),
    });
    this.#learn(batch, user, heard);
    return heard;
  }

  /** By name where a receiver may hold several packets: without it a repeat would open the next one. */
  async #open(batch: LiveBatch, user: string, claimed?: Heard): Promise<void> {
    const packet = claimed?.body['packetId'];
    if (!batch.once && packet === undefined) return;
    const named = typeof packet === 'string' && (!batch.once || this.#dice.chance(50));
    const ask: Ask = { action: 'open', user, batch: batch.id, ...(named ? { packet } : {}) };
    this.#learn(batch, user, await this.#caller.ask(ask));
  }

  #learn(batch: LiveBatch, user: string, heard: Heard | undefined): void {
    const position = heard?.body['position'];
    if (typeof position === 'string') this.#positions.set(user, position);
    if (heard?.code !== undefined && usedUp.has(heard.code)) this.#market.refused(batch);
  }

  #after(user: string): { readonly after?: string } {
    const after = this.#positions.get(user);
    return after === undefined || this.#dice.chance(50) ? {} : { after };
  }

  async #trespass({ id, linkKey, once }: LiveBatch): Promise<void> {
    const user = `stranger-${this.#dice.between(0, 9)}`;
    const key = once ? {} : { key: 'trespass' };
    const wrong = linkKey === undefined ? {} : { linkKey: linkKey.split('').toReversed().join('') };
    await this.#caller.ask({ action: 'claim', user, batch: id, ...key, ...wrong });
  }

  async #read(batch: LiveBatch): Promise<void> {
    const action = this.#dice.chance(50) ? 'page' : 'claims';
    await this.#caller.ask({ action, user: batch.sender, batch: batch.id });
  }

  /** Asks again for a sample of what was acknowledged, which must be answered as before. */
  async repeat(sample: number): Promise<void> {
    const { heard } = this.#evidence;
    const acknowledged: Ask[] = [];
    for (let i = 0; i < sample * 20 && acknowledged.length < sample && heard.length > 0; i += 1) {
      const { ask, status } = this.#dice.pick(heard);
      const repeatable =
        ask.action === 'claim' || ask.action === 'open' || ask.action === 'confirm';
      if (repeatable && (status < 300 || status === 410)) acknowledged.push(ask);
    }
    await Promise.all(acknowledged.map((ask) => this.#caller.ask(ask)));
  }
}
