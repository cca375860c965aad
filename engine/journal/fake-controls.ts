/** What a test or the simulator can do to a fake journal. All of it takes effect at once. */
import type { JobId } from '../ports/journal.ts';

/** A state of the store at some moment; to be given back to `rollBack`. */
export interface FakeImage {
  readonly journalId: string | undefined;
  readonly owners: readonly number[];
  readonly jobs: ReadonlyMap<JobId, string>;
}

export interface FakeControls {
  /** From now on adds stay under way: not kept and not answered. */
  hold(): void;
  /** Adds under way. */
  held(): readonly JobId[];
  /** Those under way fail for their callers; they are still under way, and land at release(). */
  timeOutHeld(): void;
  /** Those under way are lost, and fail for their callers. */
  dropHeld(): void;
  /** Those under way land in the order sent, and are answered; later ones pass. */
  release(): void;
  /** The next `count` adds fail for their callers, the jobs kept (`landed`) or not. */
  failAdds(count: number, landed: boolean): void;
  /** The next `count` adds are refused for good. */
  refuseAdds(count: number): void;
  /** While false every operation fails, as if the network were gone. */
  setReachable(reachable: boolean): void;

  /** A new run; operations under way fail, jobs under way are delivered again. */
  restart(): void;
  image(): FakeImage;
  /** A new run in which only what the image holds was kept. */
  rollBack(to: FakeImage): void;
  /** Removes jobs without a trace, in the same run; resolves to how many. */
  loseJobs(which: (id: JobId) => boolean): number;
  /** A new run with nothing in it, not even the journal id. */
  wipe(): void;
  setPressure(ratio: number): void;

  holdDelivery(): void;
  resumeDelivery(): void;
  /** Delivers in an order that the Random draws. */
  shuffleDelivery(): void;
  /** Delivers a job once more, also one that was settled and is gone. */
  deliverAgain(id: JobId): void;
  /** Ids of the jobs held, oldest first. */
  jobs(): readonly JobId[];
}
