import { describe, expect, test } from 'vitest';
import { readCheaply } from '../../bench/load/answers.ts';
import type { LoadClient } from '../../bench/load/client.ts';
import {
  groupSize,
  packetsEach,
  rampRequests,
  requestsEach,
  spreadRequests,
} from '../../bench/load/spread.ts';

describe('spread', () => {
  const batches = 400;
  const all = Array.from(
    (function* requests() {
      const next = spreadRequests(batches, 0);
      for (let request = next(); request !== undefined; request = next()) yield request;
    })(),
  );

  test('a batch gets its requests once each and in order, and no batch is left out', () => {
    const turns = Map.groupBy(all, ({ batch }) => batch);
    expect(turns.size).toBe(batches);
    for (const requests of turns.values()) {
      expect(requests.map(({ turn }) => turn)).toEqual(requests.map((_, i) => i));
      expect(requests.length).toBeLessThanOrEqual(requestsEach);
    }
    expect(turns.get(0)).toHaveLength(requestsEach);
  });

  test('once the window is full, one request of six wins in every step', () => {
    const step = requestsEach * groupSize;
    for (let start = rampRequests; start + step <= all.length; start += step) {
      const winners = all.slice(start, start + step).filter(({ turn }) => turn < packetsEach);
      expect(winners).toHaveLength(step / 6);
    }
  });

  test('it goes on where it stopped', () => {
    expect(spreadRequests(batches, 5_000)()).toEqual(all[5_000]);
  });
});

describe('cheap reading of answers', () => {
  function reader(withBodies: boolean) {
    const seen: unknown[] = [];
    const client = {
      parser: {
        execute: (chunk: Buffer) => seen.push(`parsed ${chunk.length}`),
        2: ({ statusCode }: { statusCode: number }) => seen.push(statusCode),
        3: (chunk: Buffer, start: number, length: number) =>
          seen.push(chunk.toString('latin1', start, start + length)),
        4: () => seen.push('end'),
      },
    };
    readCheaply(client as unknown as LoadClient, withBodies);
    return { seen, take: (text: string) => client.parser.execute(Buffer.from(text, 'latin1')) };
  }
  const whole = 'HTTP/1.1 201 Created\r\ncontent-type: x\r\nContent-Length: 5\r\n\r\nhello';

  test('an answer in one piece: status, body where wanted, end', () => {
    const withBodies = reader(true);
    withBodies.take(whole);
    expect(withBodies.seen).toEqual([201, 'hello', 'end']);
    const without = reader(false);
    without.take(whole.replace('201 Created', '410 Gone'));
    expect(without.seen).toEqual([410, 'end']);
  });

  test.each([
    ['half an answer', whole.slice(0, -2)],
    ['two answers', whole + whole],
    ['no length', whole.replace('Content-Length: 5', 'transfer-encoding: chunked')],
    ['no end of the head', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n'],
    ['another protocol', whole.replace('HTTP/1.1', 'HTTP/1.0')],
  ])('%s: the real parser reads it and all that follows', (_, text) => {
    const { seen, take } = reader(true);
    take(text);
    take(whole);
    expect(seen).toEqual([`parsed ${text.length}`, `parsed ${whole.length}`]);
  });
});
