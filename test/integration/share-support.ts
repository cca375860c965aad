/** A real server, its users, and a confirmed batch: what the tests of sharing begin with. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import {
  activeBatch,
  clientOf,
  freePort,
  startServer,
  type Answer,
  type Client,
  type TestServer,
} from '../setup/server.ts';

export interface Shared {
  readonly id: string;
  readonly link: string;
  readonly key: string;
}

/** Any JSON of an answer; the tests look at what they expect. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shape is what is tested
export type Json = any;

export class SharingWorld {
  readonly database: TestDatabase;
  readonly #env: Readonly<Record<string, string>>;
  readonly #clients = new Map<string, Client>();
  server: TestServer;

  private constructor(
    database: TestDatabase,
    env: Readonly<Record<string, string>>,
    server: TestServer,
  ) {
    this.database = database;
    this.#env = env;
    this.server = server;
  }

  static async start(): Promise<SharingWorld> {
    const database = await freshDatabase();
    // The same port after a restart, so that links and clients stay good.
    const env = { DATABASE_URL: database.url, PORT: String(await freePort()) };
    return new SharingWorld(database, env, await startServer(env));
  }

  async restart(): Promise<void> {
    this.server = await startServer(this.#env);
  }

  async close(): Promise<void> {
    await this.server.end('SIGTERM');
    await this.database.drop();
  }

  async as(userId: string): Promise<Client> {
    const known = this.#clients.get(userId);
    if (known !== undefined) return known;
    const client = await clientOf(this.server.url, userId);
    this.#clients.set(userId, client);
    return client;
  }

  async post(userId: string, path: string, body?: unknown, key?: string): Promise<Answer> {
    const client = await this.as(userId);
    return client.post(path, body, key === undefined ? {} : { 'idempotency-key': key });
  }

  /** The body of a read that must succeed. */
  async get(userId: string, path: string): Promise<Json> {
    const answer = await (await this.as(userId)).get(path);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.body;
  }

  async befriend(userId: string, ...others: string[]): Promise<void> {
    for (const other of others) {
      await this.post(userId, '/v1/contacts', { userId: other });
      await this.post(other, `/v1/contacts/${userId}/accept`);
    }
  }

  /** The new group's id; the owner's contacts are made first. */
  async group(owner: string, ...members: string[]): Promise<string> {
    await this.befriend(owner, ...members);
    const made = await this.post(owner, '/v1/groups', { name: 'family', members });
    return String(made.body['id']);
  }

  async batch(senderId: string, more: object = {}): Promise<Shared> {
    const sender = await this.as(senderId);
    const body = { mode: 'fixed', count: 10, each: 7, greeting: '恭喜发财', ...more };
    const id = await activeBatch(this.server.url, sender, senderId, body, []);
    const { link } = (await sender.post(`/v1/batches/${id}/confirm`)).body as { link: string };
    return { id, link, key: new URL(link).searchParams.get('k') ?? '' };
  }

  share(userId: string, batch: Shared, body: object, key?: string): Promise<Answer> {
    return this.post(userId, `/v1/batches/${batch.id}/share`, body, key);
  }

  /** Claims and opens with what stands in a link; `[status, code or amount]`. */
  async claim(userId: string, link: string): Promise<unknown[]> {
    const url = new URL(link);
    const id = url.pathname.split('/').at(-1);
    const key = url.searchParams.get('k');
    const { status, body } = await this.post(userId, `/v1/batches/${id}/claims?open=true`, { key });
    return [status, body['code'] ?? body['amount']];
  }

  /** What stands newest in the conversation with `name`, or in the group, as `userId` sees it. */
  async newestMessage(userId: string, name: string): Promise<Json> {
    const { items } = await this.get(userId, '/v1/conversations');
    return items.find((item: Json) => item.name === name || item.id === name)?.lastMessage;
  }

  /** Posts as `userId` sees them. */
  async posts(userId: string, place: 'feed' | 'microblog'): Promise<Json[]> {
    return (await this.get(userId, `/v1/${place}?limit=200`)).items;
  }
}

/** Repeats the request until somebody knows its outcome. */
export async function known(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (
      answer !== undefined &&
      answer.status !== 503 &&
      answer.body['code'] !== 'idempotency_in_progress'
    )
      return answer;
    await sleep(50);
  }
}
