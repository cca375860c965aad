/**
 * Burst: whether settling stands back. In a campaign's first seconds claims come faster than anything could settle
 * them, and every settle transaction takes cores from those who are being answered; what is acknowledged is safe in
 * the journal. So while the journal keeps filling, only a little is settled now and then, for a bounded time.
 */
import { burstBytesMin, burstJobsMin, burstMsMax } from '../limits.ts';

export class Burst {
  readonly #bytesMin: number;
  #jobs = 0;
  #startedAt: number | undefined;
  #isOn = false;

  constructor(bytesMin = burstBytesMin) {
    this.#bytesMin = bytesMin;
  }

  /** The journal holds so many jobs now (undefined: unknown), of so many bytes each; `now` in monotonic ms. */
  note(jobs: number | undefined, jobBytes: number, now: number): void {
    this.#isOn = false;
    if (jobs === undefined) return;
    const isGrowing = jobs > this.#jobs;
    this.#jobs = jobs;
    // A crowd at few batches makes few large jobs, one that does many things makes many small ones.
    if (jobs < burstJobsMin && jobs * jobBytes < this.#bytesMin) {
      this.#startedAt = undefined;
      return;
    }
    this.#startedAt ??= now;
    // Ends with the crowd, or when it has lasted: then there is no next one before the journal has been emptied.
    this.#isOn = isGrowing && now - this.#startedAt < burstMsMax;
  }

  get isOn(): boolean {
    return this.#isOn;
  }
}
