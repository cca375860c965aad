/** How adds to the fake journal go wrong: held under way, answered wrongly, refused. */
import { type JobId, JournalRefusal } from '../ports/journal.ts';
import type { FakeControls } from './fake-controls.ts';

interface HeldAdd {
  readonly id: JobId;
  readonly payload: string;
  readonly answered: PromiseWithResolvers<void>;
}

type AddControls = Pick<
  FakeControls,
  'hold' | 'held' | 'timeOutHeld' | 'dropHeld' | 'release' | 'failAdds' | 'refuseAdds'
>;

/** @param keep puts the job into the store, unless it is there */
export function fakeAdds(keep: (id: JobId, payload: string) => void): {
  /** An add has reached the store; settles when the store answers it. */
  readonly land: (id: JobId, payload: string) => Promise<void> | undefined;
  readonly controls: AddControls;
} {
  let holding = false;
  let held: HeldAdd[] = [];
  let failing = { count: 0, landed: false };
  let refusing = 0;

  const failHeld = () => {
    for (const { answered } of held) answered.reject(new Error('fake journal: timed out'));
  };
  return {
    land(id, payload) {
      if (holding) {
        const answered = Promise.withResolvers<void>();
        held.push({ id, payload, answered });
        return answered.promise;
      }
      if (refusing > 0) {
        refusing -= 1;
        throw new JournalRefusal('fake journal: refused');
      }
      const fails = failing.count > 0;
      if (fails) failing.count -= 1;
      if (!fails || failing.landed) keep(id, payload);
      if (fails) throw new Error('fake journal: outcome unknown');
      return undefined;
    },
    controls: {
      hold() {
        holding = true;
      },
      held: () => held.map(({ id }) => id),
      timeOutHeld: failHeld,
      dropHeld() {
        failHeld();
        held = [];
      },
      release() {
        holding = false;
        for (const { id, payload, answered } of held.splice(0)) {
          keep(id, payload);
          answered.resolve();
        }
      },
      failAdds(count, landed) {
        failing = { count, landed };
      },
      refuseAdds(count) {
        refusing = count;
      },
    },
  };
}
