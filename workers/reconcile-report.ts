/** What `npm run reconcile` prints, and the file it writes. */
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { csvHeader, csvLine } from '../engine/reconcile/csv.ts';
import type { Difference, DifferenceKind } from '../engine/reconcile/difference.ts';
import { say } from './operator-tool.ts';

/** Differences that are printed; a file has all of them. */
const printedMax = 50;

export interface Report {
  tell(difference: Difference): Promise<void>;
  /** Prints the summary; the file gets its name only now, so that one that is there is whole. */
  end(): Promise<{ readonly differences: number }>;
}

export function startReport(csvFile: string | undefined): Report {
  const counts = new Map<DifferenceKind, number>();
  const file = csvFile === undefined ? undefined : startFile(csvFile);
  let differences = 0;
  return {
    async tell(difference) {
      differences += 1;
      counts.set(difference.kind, (counts.get(difference.kind) ?? 0) + 1);
      if (differences <= printedMax) say(lineOf(difference));
      await file?.write(csvLine(difference));
    },
    async end() {
      await file?.end();
      if (differences > printedMax) {
        say(`… and ${differences - printedMax} more${csvFile === undefined ? ': --csv FILE' : ''}`);
      }
      if (differences === 0) say('no difference');
      else {
        const kinds = Array.from(counts, ([kind, count]) => `${kind} ${count}`).join(', ');
        say(`${differences} ${differences === 1 ? 'difference' : 'differences'}: ${kinds}`);
      }
      if (csvFile !== undefined) say(`written to ${csvFile}`);
      return { differences };
    },
  };
}

/** One line, of words that hold no control characters: ids of a bank may be anything. */
function lineOf(difference: Difference): string {
  const { kind, id, account, asset, here, there, amountHere, amountThere, since } = difference;
  const side = (state: string, amount: number | undefined) =>
    [state, amount].filter((part) => part !== '' && part !== undefined).join(' ') || '–';
  return [
    kind.padEnd(25),
    [id, account].filter((part) => part !== '').join(' ') || '–',
    asset,
    `here ${side(here, amountHere)}, there ${side(there, amountThere)}`,
    since === undefined ? '' : `since ${new Date(since).toISOString()}`,
  ]
    .join('  ')
    .trimEnd()
    .replaceAll(/\p{C}/gu, '\u{fffd}');
}

function startFile(path: string) {
  const partial = `${path}.partial`;
  const stream = createWriteStream(partial, { mode: 0o600 });
  const ended = finished(stream);
  // Told by whoever waits for it.
  ended.catch(() => undefined);
  stream.write(csvHeader);
  return {
    async write(line: string): Promise<void> {
      if (!stream.write(line)) await Promise.race([once(stream, 'drain'), ended]);
    },
    async end(): Promise<void> {
      stream.end();
      await ended;
      await rename(partial, path);
    },
  };
}
