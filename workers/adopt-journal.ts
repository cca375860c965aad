/**
 * `npm run adopt-journal`: binds the database to a new, empty journal (the one REDIS_URL names, or the database itself).
 *
 *   npm run adopt-journal -- --from redis://old:6379   the old one still answers, and must be empty
 *   npm run adopt-journal -- --from database           the old one is in the database itself
 *   npm run adopt-journal -- --lost JOURNAL-ID         the old one is lost for good
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../engine/adapters/clock.ts';
import { openJournal } from '../engine/journal/open.ts';
import type { Journal } from '../engine/ports/journal.ts';
import { adoptJournal } from '../engine/repair/adopt.ts';
import { runTool, say, type Tool } from './operator-tool.ts';

const { values } = parseArgs({ options: { from: { type: 'string' }, lost: { type: 'string' } } });

/** The old journal is only read, so nobody has to vouch for its settings. */
function openOld({ databaseUrl, observer }: Tool): Promise<Journal> | undefined {
  const { from } = values;
  if (from === undefined) return undefined;
  const redis =
    from === 'database'
      ? undefined
      : { url: from, trustReplicas: true, trustUnreadableSettings: true };
  return openJournal({ databaseUrl, redis, observer, clock: systemClock });
}

await runTool(async (tool) => {
  const { pool, store, journal } = tool;
  const old = await openOld(tool);
  try {
    const adopted = await adoptJournal({ pool, store, journal, old, lost: values.lost });
    if (adopted.kind === 'refused') {
      say(`not adopted: ${adopted.reason}`);
      return false;
    }
    say(`the database belongs to journal ${adopted.id} now`);
    if (adopted.proven) say('the old journal was empty: nothing acknowledged is missing');
    else {
      say(
        `it cannot be known whether claims were acknowledged that had not settled: the ${adopted.openBatches} batches ` +
          'that are still open may have forgotten some. Never bring the old journal back.',
      );
    }
    return true;
  } finally {
    await old?.close();
  }
});
