/** The queue of wake-ups, on the store that the journal has. */
import type { JournalSettings } from '../journal/open.ts';
import { reporter } from '../journal/reporter.ts';
import { openQueues } from '../queues/open.ts';
import { bullmqWakeUps, queueName } from './bullmq.ts';
import type { WakeUps } from './port.ts';

/** @throws Error when the store cannot be reached now; later it may come and go */
export async function openWakeUps(settings: JournalSettings): Promise<WakeUps> {
  const { observer, clock } = settings;
  const queues = await openQueues(settings, { what: 'payout queue', queuesMax: 1 });
  try {
    const opened = await queues.open(queueName);
    const disconnect = () => queues.close();
    return bullmqWakeUps({ ...opened, reporter: reporter(observer, clock), clock, disconnect });
  } catch (error) {
    await queues.close();
    throw error;
  }
}
