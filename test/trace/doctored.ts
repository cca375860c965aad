/** Traces that never happened, to prove that the checker can say no. Each keeps the lines, but for one lie. */

const sync = /\b(?:fdatasync|fsync)(?:\(| resumed>)/;

export const lies: Readonly<Record<string, (trace: string) => string>> = {
  'the sync comes after the answer': (trace) => {
    const lines = trace.split('\n');
    return [
      ...lines.filter((line) => !sync.test(line)),
      ...lines.filter((line) => sync.test(line)),
    ].join('\n');
  },
  'there is no sync': (trace) =>
    trace
      .split('\n')
      .filter((line) => !sync.test(line))
      .join('\n'),
  'the sync failed': (trace) =>
    trace
      .split('\n')
      .map((line) =>
        sync.test(line) ? line.replace(/\) += 0/, ') = -1 EIO (Input/output error)') : line,
      )
      .join('\n'),
  'another file was synced': (trace) =>
    trace
      .split('\n')
      .map((line) => (sync.test(line) ? line.replace(/<[^>]+>/, '</somewhere/else>') : line))
      .join('\n'),
};
