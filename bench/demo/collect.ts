/** After the rush: reads back balances, batch pages, claims pages and the operator's audit. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, expectStatus } from '../support/client.ts';
import { eachOf } from '../support/pool.ts';
import type { Cast, Person } from './fund.ts';
import type { AuditRow, BatchBook, Books, ClaimRow, Funding, LiveBatch, Told } from './told.ts';

const width = 32;
const pageLimit = 200;
/** The audit is asked until nothing is pending, but other traffic on a shared server may never cease. */
const settledMs = 20_000;
const settledPollMs = 100;

type Json = Readonly<Record<string, unknown>>;

export async function collect(
  client: ApiClient,
  cast: Cast,
  funding: Funding,
  told: readonly Told[],
  onRead: () => void,
): Promise<Books> {
  const newest = new Map<string, string>();
  for (const { receiver, position } of told) {
    if (position !== undefined) newest.set(receiver, position);
  }
  const balances = new Map<string, ReadonlyMap<string, number>>();
  const everybody = [...cast.senders, ...cast.receivers];
  await eachOf(everybody, width, async (person, i) => {
    // Half rely on the node that answered them, half bring their position along.
    const after = i % 2 === 0 ? undefined : newest.get(person.id);
    balances.set(person.id, await readBalances(client, person, after));
    onRead();
  });

  const tokens = new Map(cast.senders.map((sender) => [sender.id, sender.token]));
  const batches = new Map<string, BatchBook>();
  await eachOf(funding.batches, width, async (batch) => {
    batches.set(batch.id, await readBatch(client, batch, tokens.get(batch.senderId) ?? ''));
    onRead();
  });
  return { batches, balances, audit: await readAudit(client, cast.operator) };
}

async function readBalances(
  client: ApiClient,
  { id, token }: Person,
  after: string | undefined,
): Promise<Map<string, number>> {
  const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
  const call = client.call('GET', `/v1/accounts${query}`, { token });
  const { items } = await expectStatus(`accounts of ${id}`, call, 200);
  return new Map(
    (items as readonly Json[]).map(({ asset, balance, held }) => [
      String(asset),
      Number(balance) + Number(held),
    ]),
  );
}

async function readBatch(client: ApiClient, batch: LiveBatch, token: string): Promise<BatchBook> {
  const path = `/v1/batches/${batch.id}`;
  const page = await expectStatus(
    `page of batch ${batch.id}`,
    client.call('GET', path, { token }),
    200,
  );
  const claims: ClaimRow[] = [];
  let cursor = '';
  do {
    const call = client.call('GET', `${path}/claims?limit=${pageLimit}${cursor}`, { token });
    const { items, next } = await expectStatus(`claims of batch ${batch.id}`, call, 200);
    for (const { packetId, receiverId, amount, best } of items as readonly Json[]) {
      claims.push({
        packetId: String(packetId),
        receiverId: String(receiverId),
        amount: amount === undefined ? undefined : Number(amount),
        best: best === true,
      });
    }
    cursor = typeof next === 'string' ? `&cursor=${encodeURIComponent(next)}` : '';
  } while (cursor !== '');
  const number = (name: string) => Number(page[name]);
  return {
    status: String(page['status']),
    count: number('count'),
    claimed: number('claimed'),
    opened: number('opened'),
    remaining: number('remaining'),
    total: number('total'),
    openedAmount: number('openedAmount'),
    refundedAmount: number('refundedAmount'),
    claims,
  };
}

async function readAudit(client: ApiClient, token: string): Promise<Books['audit']> {
  const until = performance.now() + settledMs;
  for (;;) {
    const call = client.call('GET', '/v1/operator/audit', { token });
    const { assets, pendingEvents, ok } = await expectStatus('audit', call, 200);
    if (pendingEvents === 0 || performance.now() > until) {
      return {
        assets: assets as readonly AuditRow[],
        pendingEvents: Number(pendingEvents),
        ok: ok === true,
      };
    }
    await sleep(settledPollMs);
  }
}
