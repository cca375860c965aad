/** The sandbox platform in a process of its own; trades appear there at a constant rate, spread over all accounts. */
import { SandboxPlatform } from '../../workers/sandbox/platform-server.ts';
import { accountName, platformToken, secretOf, webhookSecret } from './names.ts';

const accounts = Number(process.env['BENCH_ACCOUNTS']);
const tradesPerSecond = Number(process.env['BENCH_TRADES_PER_SECOND']);
const tickMs = 20;
/** Coprime to round numbers, so that all accounts have their turn. */
const step = 7_919;

const platform = new SandboxPlatform({ token: platformToken, webhookSecret });
for (let i = 0; i < accounts; i += 1) platform.books.addAccount(accountName(i), secretOf(i));
const server = platform.server();
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.send?.({ port: address.port });
});

const startedMs = performance.now();
let added = 0;
setInterval(() => {
  const due = ((performance.now() - startedMs) / 1_000) * tradesPerSecond;
  for (; added < due; added += 1) {
    platform.books.addTrade(accountName((added * step) % accounts), { title: `Trade ${added}` });
  }
}, tickMs);
