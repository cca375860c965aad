/** Before the rush: tokens, deposits, batches created, confirmed and addressed. */
import { eachOf } from '../support/pool.ts';
import { type ApiClient, expectStatus } from '../support/client.ts';
import { assets, type Asset, type Plan, type PlannedBatch } from './plan.ts';
import type { Funding, LiveBatch } from './told.ts';

/** Names and tokens of everybody in one run; the run's own prefix keeps runs on one server apart. */
export interface Cast {
  readonly operator: string;
  readonly senders: readonly Person[];
  readonly receivers: readonly Person[];
}
export interface Person {
  readonly id: string;
  readonly token: string;
}

/** What stays with a sender once all batches are funded. */
const change = 1_000;

export async function enlist(
  client: ApiClient,
  run: string,
  counts: { readonly senders: number; readonly receivers: number },
  onPerson: () => void,
): Promise<Cast> {
  const person = async (id: string, scopes?: readonly string[]): Promise<Person> => {
    const call = client.call('POST', '/v1/dev/tokens', { body: { userId: id, scopes } });
    const body = await expectStatus(`token of ${id} (needs DEV_LOGIN)`, call, 201);
    onPerson();
    return { id, token: String(body['token']) };
  };
  const people = async (kind: string, count: number) => {
    const ids = Array.from({ length: count }, (_, i) => `${run}-${kind}${i + 1}`);
    const all: Person[] = [];
    await eachOf(ids, 64, async (id, i) => {
      all[i] = await person(id);
    });
    return all;
  };
  const operator = await person(`${run}-operator`, ['operator']);
  return {
    operator: operator.token,
    senders: await people('sender', counts.senders),
    receivers: await people('receiver', counts.receivers),
  };
}

/** Deposits what the plan needs, then makes every batch claimable. */
export async function fund(
  client: ApiClient,
  plan: Plan,
  cast: Cast,
  onBatch: () => void,
): Promise<Funding> {
  const deposits = new Map<string, ReadonlyMap<Asset, number>>();
  for (const [index, sender] of cast.senders.entries()) {
    const own = plan.batches.filter((batch) => batch.sender === index);
    const amounts = new Map<Asset, number>();
    for (const asset of assets) {
      const amount = own
        .filter((batch) => batch.asset === asset)
        .reduce((sum, batch) => sum + batch.total, change);
      const body = { userId: sender.id, asset, amount, reference: `${sender.id}/${asset}` };
      const call = client.call('POST', '/v1/operator/deposits', { token: cast.operator, body });
      await expectStatus(`deposit for ${sender.id}`, call, 201);
      amounts.set(asset, amount);
    }
    deposits.set(sender.id, amounts);
  }
  const batches: LiveBatch[] = [];
  await eachOf(plan.batches, 16, async (planned, i) => {
    const sender = cast.senders[planned.sender];
    if (sender === undefined) throw new Error(`batch ${i} has no sender`);
    batches[i] = await makeBatch(client, planned, sender, cast);
    onBatch();
  });
  return { deposits, batches };
}

async function makeBatch(
  client: ApiClient,
  planned: PlannedBatch,
  sender: Person,
  cast: Cast,
): Promise<LiveBatch> {
  const { mode, asset, count, total, each, channel } = planned;
  const { token } = sender;
  const money = mode === 'fixed' ? { each } : { total };
  const greeting = `恭喜发财 ${planned.index + 1}`;
  const what = `batch ${planned.index} of ${sender.id}`;
  const created = await expectStatus(
    `create ${what}`,
    client.call('POST', '/v1/batches', {
      token,
      body: { mode, asset, count, ...money, greeting },
      idempotencyKey: `create-${planned.index}`,
    }),
    201,
  );
  const id = String(created['id']);
  const path = `/v1/batches/${id}`;
  const listed = [...planned.listed].map((index) => cast.receivers[index]?.id);
  const associate = async () => {
    const bodies = [];
    if (listed.length > 0) bodies.push({ channel, receivers: listed });
    if (planned.anyone) bodies.push({ channel, anyone: true });
    for (const body of bodies) {
      const call = client.call('POST', `${path}/audience`, { token, body });
      await expectStatus(`audience of ${what}`, call, 200);
    }
  };
  // Half before the confirmation, which is SQL, half after, which is the actor's.
  if (planned.index % 4 < 2) await associate();
  const confirmed = await expectStatus(
    `confirm ${what}`,
    client.call('POST', `${path}/confirm`, { token }),
    200,
  );
  if (planned.index % 4 >= 2) await associate();
  const key = new URL(String(confirmed['link'])).searchParams.get('k') ?? '';
  return { id, key, senderId: sender.id, planned };
}
