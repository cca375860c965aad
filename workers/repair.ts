/**
 * `npm run repair`: what is in quarantine, and the two ways out of a standstill.
 *
 *   npm run repair                                          lists quarantined batches
 *   npm run repair -- --batch ID --retry [--trust-damaged]  applies its events after the cause was repaired
 *   npm run repair -- --job NUMBER-SEQ --set-aside          sets a damaged journal job aside
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../engine/adapters/clock.ts';
import { parseJobId } from '../engine/ports/journal.ts';
import { setAside } from '../engine/repair/damaged-job.ts';
import { listQuarantine, retryBatch } from '../engine/repair/quarantine.ts';
import { runTool, say, type Tool } from './operator-tool.ts';

const { values } = parseArgs({
  options: {
    batch: { type: 'string' },
    retry: { type: 'boolean' },
    'trust-damaged': { type: 'boolean' },
    job: { type: 'string' },
    'set-aside': { type: 'boolean' },
  },
});

async function list({ pool }: Tool): Promise<boolean> {
  const lines = await listQuarantine(pool);
  if (lines.length === 0) say('nothing is in quarantine');
  for (const { batchId, events, firstVersion, reason, since } of lines) {
    const what = batchId === '' ? 'unreadable records' : `batch ${batchId}`;
    const at = since === 0 ? '' : `, since ${new Date(since).toISOString()}`;
    say(`${what}: ${events} events from version ${firstVersion} on, ${reason}${at}`);
  }
  return true;
}

async function retry({ store, journal, observer, pool }: Tool, batchId: string): Promise<boolean> {
  const deps = { store, journal, observer, clock: systemClock };
  const repaired = await retryBatch(deps, pool, batchId, values['trust-damaged'] === true);
  switch (repaired.kind) {
    case 'repaired':
      say(
        `batch ${batchId} goes on: ${repaired.applied} events applied, ${repaired.duplicates} had been before`,
      );
      return true;
    case 'not_in_quarantine':
      say(`batch ${batchId} is not in quarantine`);
      return false;
    case 'still_poison':
      say(`batch ${batchId} stays in quarantine, nothing was changed:`);
      for (const reason of repaired.reasons.slice(0, 20)) say(`  ${reason}`);
      return false;
  }
}

async function putAside({ pool, journal }: Tool, id: string): Promise<boolean> {
  const job = parseJobId(id);
  if (job === undefined) {
    say(`--job ${id} is not NUMBER-SEQ`);
    return false;
  }
  const result = await setAside(pool, journal, job, systemClock.now());
  if (result.kind === 'refused') say(`job ${id} stays: ${result.reason}`);
  else {
    say(
      `job ${id} is set aside: ${result.events} events kept in quarantine, ${result.unreadable} records unreadable, ` +
        `${result.marked} further batches of its shards marked; see npm run repair`,
    );
  }
  return result.kind === 'set_aside';
}

await runTool(async (tool) => {
  if (values.batch !== undefined && values.retry === true) return retry(tool, values.batch);
  if (values.job !== undefined && values['set-aside'] === true) return putAside(tool, values.job);
  return list(tool);
});
