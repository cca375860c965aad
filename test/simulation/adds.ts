/** What happens to adds on their way, and the poison event of a run that has one. */
import type { JobId } from '../../engine/ports/journal.ts';
import { Dice } from './dice.ts';
import type { AddKind } from './faults.ts';
import type { AddFaults } from './ports.ts';
import type { Setting } from './setting.ts';

export class Adds implements AddFaults {
  readonly poisoned: ReadonlySet<string>;
  readonly counts = new Map<AddKind | 'poison', number>();
  readonly #dice: Dice;
  readonly #chances: ReadonlyMap<AddKind, number>;
  readonly #poisonVersion: number;
  readonly #sent = new Set<JobId>();
  calm = false;
  /** While true no owner may be ended. */
  readonly #spareOwners: () => boolean;

  constructor(setting: Setting, spareOwners: () => boolean) {
    this.#spareOwners = spareOwners;
    this.#dice = new Dice(setting.seed, 'adds');
    this.#chances = setting.faults.adds;
    const { batches } = setting.workload;
    const dice = new Dice(setting.seed, 'poison');
    this.#poisonVersion = dice.between(2, 4);
    const victim = dice.pick(batches).params.id;
    this.poisoned = new Set(setting.faults.run.has('poison') ? [victim] : []);
  }

  #count(what: AddKind | 'poison'): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  draw(id: JobId): AddKind | undefined {
    if (this.calm) return undefined;
    const first = !this.#sent.has(id);
    this.#sent.add(id);
    for (const [kind, probability] of this.#chances) {
      if (!this.#dice.chance(probability)) continue;
      // Nobody refuses what was taken before.
      if (kind === 'add-refused' && (!first || this.#spareOwners())) continue;
      this.#count(kind);
      return kind;
    }
    return undefined;
  }

  delayMs(): number {
    return this.#dice.between(1, this.#dice.pick([10, 300, 5_000]));
  }

  /** One event of the batch, always the same, gets an amount or a packet that can never be. */
  poison(payload: string): string {
    const [victim] = this.poisoned;
    if (victim === undefined) return payload;
    const records = payload.split(';').map((record) => {
      const fields = record.split(',');
      if (fields[1] !== victim || Number(fields[2]) !== this.#poisonVersion) return record;
      if (fields[0] !== 'c' && fields[0] !== 'o') return record;
      this.#count('poison');
      fields[4] = '7777';
      return fields.join(',');
    });
    return records.join(';');
  }
}
