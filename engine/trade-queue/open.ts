/** A queue of polls for each platform, on the store that the journal has. */
import type { JournalSettings } from '../journal/open.ts';
import { reporter } from '../journal/reporter.ts';
import { openQueues } from '../queues/open.ts';
import { bullmqPolls, queueNameOf } from './bullmq.ts';
import type { PollQueue, PollQueues } from './port.ts';

/** @throws Error when the store cannot be reached now; later it may come and go */
export async function openPollQueues(
  settings: JournalSettings,
  { platforms }: { readonly platforms: number },
): Promise<PollQueues> {
  const { observer, clock } = settings;
  const queues = await openQueues(settings, { what: 'poll queue', queuesMax: platforms });
  const parts = { reporter: reporter(observer, clock), clock };
  const opened: PollQueue[] = [];
  return {
    async open(poll) {
      const queue = await queues.open(queueNameOf(poll.platform));
      const polls = bullmqPolls(poll, { ...parts, ...queue });
      opened.push(polls);
      return polls;
    },
    async close() {
      await Promise.all(opened.map((polls) => polls.close()));
      await queues.close();
    },
  };
}
