/** What the ledger says, compared after every commit with what its own events say (invariants 1, 4, 5, 6). */
import type { BatchEvent, BatchParams } from '../../../engine/core/types.ts';
import { History, must } from './history.ts';

/** Committed data of the store, as far as the auditor looks. */
export interface LedgerView {
  readonly batches: ReadonlyMap<
    string,
    {
      readonly params: BatchParams;
      readonly standing: { readonly confirmed: boolean; readonly quarantined: boolean };
    }
  >;
  /** By `<batch>/<version>`. */
  readonly events: ReadonlyMap<string, BatchEvent>;
  /** By `<account> <asset>`. */
  readonly balances: ReadonlyMap<string, number>;
  readonly quarantine: readonly { readonly event: BatchEvent; readonly reason: string }[];
}

export class LedgerAudit {
  readonly histories = new Map<string, History>();
  /** What each user must have, by events. */
  readonly #due = new Map<string, number>();
  #events = 0;

  /** @throws Violation */
  check(view: LedgerView): void {
    for (const [id, { params, standing }] of view.batches) {
      if (!standing.confirmed) continue;
      let history = this.histories.get(id);
      if (history === undefined) this.histories.set(id, (history = new History(params)));
      this.#follow(view, history);
      const escrow = view.balances.get(`escrow:${id} ${params.asset}`);
      must(
        escrow === history.remaining,
        () => `batch ${id}: escrow ${escrow}, by events ${history.remaining}`,
      );
    }
    must(
      view.events.size === this.#events,
      () => 'an event beside the order, or one that has gone',
    );
    for (const [name, balance] of view.balances) {
      must(balance >= 0, () => `${name} is overdrawn: ${balance}`);
      if (name.startsWith('escrow:')) continue;
      const due = this.#due.get(name) ?? 0;
      must(balance === due, () => `${name} has ${balance}, by events ${due}`);
    }
  }

  #follow(view: LedgerView, history: History): void {
    const { id, asset } = history.params;
    for (;;) {
      const event = view.events.get(`${id}/${history.version + 1}`);
      if (event === undefined) break;
      const paid = history.take(event);
      this.#events += 1;
      if (paid === undefined) continue;
      const account = `user:${paid.userId} ${asset}`;
      this.#due.set(account, (this.#due.get(account) ?? 0) + paid.amount);
    }
    const newest = history.events.at(-1);
    must(
      newest === undefined || view.events.get(`${id}/${newest.version}`) === newest,
      () => `batch ${id}: a committed event has changed or gone`,
    );
  }

  /** At the end: nothing that was ever committed differs now. */
  checkUnchanged(view: LedgerView): void {
    for (const [id, history] of this.histories) {
      for (const event of history.events)
        must(
          view.events.get(`${id}/${event.version}`) === event,
          () => `batch ${id}: version ${event.version} has changed`,
        );
    }
  }
}
