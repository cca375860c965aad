/** Outbound safety: only configured hosts, pinned, public, TLS, bounded, no redirects. (issue 7, ¶86–88) */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { isPublicAddress } from '../../engine/trade-http/addresses.ts';
import { outbound, type OutboundOptions } from '../../engine/trade-http/outbound.ts';
import { pinnedLookup } from '../../engine/trade-http/pinned-lookup.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(handle: Parameters<typeof createServer>[1], host = '127.0.0.1') {
  const server = createServer(handle!);
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const get = (options: OutboundOptions) => outbound(options).send({ method: 'GET', path: '/x' });
const failure = (reason: string) => ({ kind: 'failure', reason });

describe('addresses', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.0.0.8',
    '198.18.0.1',
    '203.0.113.5',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::8.8.8.8',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    '2001:db8::1',
    'localhost',
    '',
    '1.2.3',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe('outbound', () => {
  test.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://169.254.169.254/latest',
    'http://8.8.8.8/',
    'http://shop.example/',
  ])('%s is never connected to', async (url) => {
    const resolve = () => Promise.resolve([{ address: '8.8.8.8', family: 4 }]);
    expect(await get({ url, sandbox: false, resolve })).toEqual(failure('forbidden'));
  });

  test('a name that leads to a private address, alone or among public ones', async () => {
    const at = (...addresses: string[]) =>
      get({
        url: 'https://shop.example',
        sandbox: false,
        resolve: async () =>
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      });
    expect(await at('127.0.0.1')).toEqual(failure('forbidden'));
    expect(await at('fe80::1')).toEqual(failure('forbidden'));
    expect(await at('::ffff:10.0.0.1')).toEqual(failure('forbidden'));
    expect(await at('8.8.8.8', '10.0.0.1')).toEqual(failure('forbidden'));
    expect(await at()).toEqual(failure('unreachable'));
  });

  test('DNS rebinding: a name is resolved once, whatever it leads to later', async () => {
    let connections = 0;
    const port = await listening((_, response) => {
      // A connection of its own for each request.
      response.setHeader('connection', 'close').end('{}');
    });
    servers[0]?.on('connection', () => (connections += 1));
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    let asked = 0;
    const client = outbound({
      url: `http://shop.example:${port}`,
      sandbox: true,
      resolve: async () => [{ address: answers[asked++] ?? '', family: 4 }],
    });
    for (let n = 0; n < 3; n += 1) {
      expect(await client.send({ method: 'GET', path: '/' })).toMatchObject({ status: 200 });
    }
    expect(connections).toBe(3);
    expect(asked).toBe(1);
  });

  test('DNS rebinding: what a name leads to later is checked like the first answer', async () => {
    const answers = ['8.8.8.8', '8.8.4.4', '127.0.0.1'];
    const names = pinnedLookup(async () => [{ address: answers.shift() ?? '', family: 4 }], false);
    const ask = () =>
      new Promise((resolve) => {
        names.lookup('shop.example', {}, (error, address) => resolve(error?.name ?? address));
      });
    expect(await ask()).toBe('8.8.8.8');
    expect(await ask()).toBe('8.8.8.8');
    names.forget();
    expect(await ask()).toBe('8.8.4.4');
    names.forget();
    expect(await ask()).toBe('ForbiddenAddress');
  });

  test('redirects are not followed', async () => {
    let elsewhere = 0;
    const port = await listening((request, response) => {
      if (request.url !== '/x') elsewhere += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const url = `http://127.0.0.1:${port}`;
    expect(await get({ url, sandbox: true })).toEqual(failure('redirect'));
    expect(elsewhere).toBe(0);
  });

  test('answers are bounded in bytes, also when they do not say how long they are', async () => {
    let written = 0;
    const port = await listening((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000))) written += 10_000;
        response.once('drain', more);
      };
      more();
    });
    const url = `http://127.0.0.1:${port}`;
    const bounded = { url, sandbox: true, answerBytesMax: 50_000 };
    expect(await get(bounded)).toEqual(failure('too_large'));
    expect(written).toBeLessThan(20_000_000);
  });

  test('answers are bounded in time to their last byte', async () => {
    const port = await listening((_, response) => {
      response.write('[');
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const url = `http://127.0.0.1:${port}`;
    expect(await get({ url, sandbox: true, timeoutMs: 200 })).toEqual(failure('silent'));
  });

  test('nothing is unpacked', async () => {
    const port = await listening((_, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync('x'.repeat(100_000)));
    });
    const url = `http://127.0.0.1:${port}`;
    expect(await get({ url, sandbox: true })).toEqual(failure('packed'));
  });

  test('a broken connection', async () => {
    const port = await listening((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{');
      setTimeout(() => response.destroy(), 20);
    });
    const url = `http://127.0.0.1:${port}`;
    expect(await get({ url, sandbox: true })).toEqual(failure('unreachable'));
  });

  test('an answer that switches protocols is a failure, not silence for ever', async () => {
    const port = await listening((_, response) => {
      response.socket?.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      );
    });
    const url = `http://127.0.0.1:${port}`;
    expect(await get({ url, sandbox: true, timeoutMs: 500 })).toEqual(failure('unreachable'));
  });
});
