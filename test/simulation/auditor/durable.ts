/**
 * What stands in the journal, read from its payloads by the auditor itself; a result may leave a host only when the
 * events it reveals are there (invariant 3).
 */
import type { Outcome } from '../../../engine/shard/request.ts';
import { must } from './history.ts';

interface DurableBatch {
  /** `<packet>/<receiver>` */
  readonly claims: Set<string>;
  readonly packets: Set<number>;
  /** `<packet>/<amount>` */
  readonly opens: Set<string>;
  expired: boolean;
  audiences: number;
}

export class Durable {
  readonly #batches = new Map<string, DurableBatch>();
  /** Newest version of a batch in a job: `<job> <batch>`. */
  readonly #versions = new Map<string, number>();

  #batch(id: string): DurableBatch {
    let batch = this.#batches.get(id);
    if (batch === undefined) {
      batch = {
        claims: new Set(),
        packets: new Set(),
        opens: new Set(),
        expired: false,
        audiences: 0,
      };
      this.#batches.set(id, batch);
    }
    return batch;
  }

  kept(job: string, payload: string): void {
    for (const record of payload.split(';').slice(1)) {
      const [kind, batchId = '', version, , first, second, third] = record.split(',');
      const batch = this.#batch(batchId);
      this.#versions.set(`${job} ${batchId}`, Number(version));
      if (kind === 'c') {
        batch.packets.add(Number(first));
        batch.claims.add(`${first}/${second}`);
        if (third !== '') batch.opens.add(`${first}/${third}`);
      } else if (kind === 'o') batch.opens.add(`${first}/${third}`);
      else if (kind === 'e') batch.expired = true;
      else if (kind === 'a') batch.audiences += 1;
    }
  }

  /** Newest version of the batch that the job holds; 0 when it holds none. */
  versionIn(job: string, batchId: string): number {
    return this.#versions.get(`${job} ${batchId}`) ?? 0;
  }

  /** @throws Violation */
  checkReleased(batchId: string, count: number, outcome: Outcome): void {
    const batch = this.#batch(batchId);
    const early = () =>
      `batch ${batchId}: ${JSON.stringify(outcome)} left before its event was durable`;
    if ('packet' in outcome) {
      const { packetId, receiverId, amount } = outcome.packet;
      const number = packetId.slice(batchId.length + 1);
      must(batch.claims.has(`${number}/${receiverId}`), early);
      must(amount === undefined || batch.opens.has(`${number}/${amount}`), early);
    } else if (outcome.code === 'exhausted') must(batch.packets.size >= count, early);
    else if (outcome.code === 'expired') must(batch.expired, early);
    else if (outcome.code === 'bad_key') must(batch.audiences > 0, early);
    else if (outcome.code === 'extended')
      must(batch.audiences > 0 || (outcome.receivers === 0 && !outcome.anyone), early);
  }
}
