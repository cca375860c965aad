/** How many jobs one settle transaction may hold: fewer after a timeout, more again after each success. */
import { settleJobsMax } from '../limits.ts';
import { isTimeout } from '../store/sql-errors.ts';

export class TransactionSize {
  jobsMax = settleJobsMax;
  /** No more jobs than were asked for. */
  readonly onlyWanted: boolean;
  /** Jobs in the try under way. */
  jobs = 0;

  constructor(onlyWanted = false) {
    this.onlyWanted = onlyWanted;
  }

  /**
   * Runs one try. A try that took too long would take too long for ever: the next one gets half its jobs.
   *
   * @returns undefined when the try was too large and a smaller one may do
   * @throws what the try throws, timeouts of a single job (or of none) too
   */
  async bounding<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    this.jobs = 0;
    try {
      const result = await attempt();
      this.jobsMax = Math.min(settleJobsMax, 2 * this.jobsMax);
      return result;
    } catch (error) {
      if (!isTimeout(error) || this.jobs < 2) throw error;
      this.jobsMax = this.jobs >> 1;
      return undefined;
    }
  }
}
