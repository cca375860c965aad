import { describe, expect, test } from 'vitest';
import { readCalls } from './calls.ts';
import { lies } from './doctored.ts';
import { checkOrder, type TracedProcesses } from './order.ts';

// The checker on traces written by hand; test/integration/trace.test.ts makes real ones.

const processes: TracedProcesses = {
  gateway: new Set([10, 11]),
  isLog: (path) => path.endsWith('.aof'),
  plainLog: true,
};
const claim = { key: 'trace-abc', packetId: '1-2' };

const request =
  '10 100.000001 read(46<socket:[1]>, "POST /v1/batches/1/claims HTTP/1.1\\r\\nidempotency-key: trace-abc\\r\\n\\r\\n", 65536) = 99 <0.000012>';
const add =
  '11 100.000200 write(41<socket:[2]>, "evalsha 1,1,3,28;c,1,3,9,2,b,16,trace-abc,x", 99) = 99 <0.000012>';
const event =
  '20 100.000300 read(9<socket:[3]>, "evalsha 1,1,3,28;c,1,3,9,2,b,16,trace-abc,x", 99) = 99 <0.000012>';
const logged =
  '20 100.000400 write(7</data/log.aof>, "HMSET c,1,3,9,2,b,16,trace-abc,x", 99) = 99 <0.000012>';
const synced = '20 100.000500 fdatasync(7</data/log.aof>) = 0 <0.003000>';
const replied = '20 100.003600 write(9<socket:[3]>, "$3\\r\\n1-3\\r\\n", 9) = 9 <0.000012>';
const answered =
  '10 100.004000 write(46<socket:[1]>, "HTTP/1.1 201 Created\\r\\n\\r\\n{\\"batchId\\":\\"1\\",\\"packetId\\":\\"1-2\\"}", 99) = 99 <0.000012>';
const honest = [request, add, event, logged, synced, replied, answered];

const check = (lines: readonly string[]) => checkOrder(lines.join('\n'), claim, processes);
const reason = (lines: readonly string[]) => {
  const verdict = check(lines);
  return verdict.ok ? 'ok' : verdict.reason;
};

test('calls that strace split are put together', () => {
  const [call, ...more] = readCalls(
    [
      '20 1.000001 fdatasync(7</data/log.aof> <unfinished ...>',
      '--- SIGALRM {si_signo=SIGALRM} ---',
      '21 1.000002 read(3<socket:[1]>,  <unfinished ...>',
      '20 1.500000 <... fdatasync resumed>) = -1 EIO (Input/output error) <0.499999>',
    ].join('\n'),
  );
  expect(more).toEqual([]);
  expect(call).toEqual({
    pid: 20,
    name: 'fdatasync',
    args: '7</data/log.aof>',
    fd: '7',
    target: '/data/log.aof',
    result: -1,
    begin: 0,
    end: 3,
    at: 1.000001,
    seconds: 0.499999,
  });
});

test('the honest order passes, split calls and foreign ones in between', () => {
  expect(reason(honest)).toBe('ok');
  const split = [
    request,
    add,
    event,
    logged,
    '20 100.000500 fdatasync(7</data/log.aof> <unfinished ...>',
    '30 100.000600 write(7</data/other.aof>, "trace-xyz", 9) = 9 <0.000012>',
    '20 100.003500 <... fdatasync resumed>) = 0 <0.003000>',
    replied,
    answered,
  ];
  expect(reason(split)).toBe('ok');
});

test('another process of the journal may sync for it', () => {
  const other = synced.replace(/^20/, '21');
  expect(reason([request, add, event, logged, other, replied, answered])).toBe('ok');
});

describe('what is not proved is refused', () => {
  test.each<[string, readonly string[], string]>([
    ['no request', honest.slice(1), 'the request was not seen'],
    ['no answer', honest.slice(0, -1), 'the answer was not seen'],
    ['no event', [request, add, answered], 'the journal was not seen to read the event'],
    [
      'answered before the journal had it',
      [request, answered, add, event, logged, synced, replied],
      'the journal read the event after the answer',
    ],
    [
      'no reply',
      [request, add, event, logged, synced, answered],
      'the journal was not seen to reply',
    ],
    [
      'nothing logged',
      [request, add, event, synced, replied, answered],
      'the journal was not seen to write its log',
    ],
    [
      'somebody else logged',
      [request, add, event, logged.replace('trace-abc', 'trace-xyz'), synced, replied, answered],
      'the journal was not seen to write its log',
    ],
    [
      'synced before it was logged',
      [request, add, event, synced, logged, replied, answered],
      'the log was not synced before the journal replied',
    ],
    [
      'synced after the reply',
      [request, add, event, logged, replied, synced, answered],
      'the log was not synced before the journal replied',
    ],
    [
      'logged after the reply',
      [request, add, event, replied, logged, synced, answered],
      'the log was not written before the journal replied',
    ],
    [
      'still syncing at the reply',
      [
        request,
        add,
        event,
        logged,
        '20 100.000500 fdatasync(7</data/log.aof> <unfinished ...>',
        replied.replace(/^20/, '20'),
        '20 100.003700 <... fdatasync resumed>) = 0 <0.003200>',
        answered,
      ],
      'the log was not synced before the journal replied',
    ],
    [
      'answered before the reply',
      [request, add, event, logged, synced, answered, replied],
      'the answer was written before the journal replied',
    ],
  ])('%s', (_, lines, expected) => {
    expect(reason(lines)).toBe(expected);
  });

  test.each(Object.keys(lies))('a doctored trace: %s', (lie) => {
    const told = lies[lie]?.(honest.join('\n')) ?? '';
    expect(told).not.toBe(honest.join('\n'));
    expect(checkOrder(told, claim, processes).ok).toBe(false);
  });
});
