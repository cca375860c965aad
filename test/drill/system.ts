/** The whole system under the drill: PostgreSQL, Redis, servers and settle worker, and how each is broken. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { stopOrphan } from '../../engine/embedded/orphan.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import { freePort, testSecret } from '../setup/server.ts';
import { DatabaseTarget, signalled } from './database-target.ts';
import { type Environment, KeptProcess, type OwnEnd } from './kept-process.ts';
import type { StrikeKind } from './plan.ts';

export type Backend = 'embedded' | 'redis';
export type WorkerMode = 'inline' | 'process';

export interface SystemOptions {
  readonly backend: Backend;
  readonly nodes: number;
  readonly worker: WorkerMode;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const pollMs = 20;

export class System {
  readonly options: SystemOptions;
  readonly servers: KeptProcess[] = [];
  readonly urls: string[] = [];
  readonly #folder: string;
  readonly #redis: TestRedis | undefined;
  /** Of the drill's own; undefined when the server brings its own. */
  readonly #postgres: EmbeddedPostgres | undefined;
  readonly #database: DatabaseTarget;
  readonly #retired: OwnEnd[] = [];
  #worker: KeptProcess | undefined;
  #workerMode: WorkerMode;

  private constructor(
    options: SystemOptions,
    folder: string,
    redis: TestRedis | undefined,
    postgres: EmbeddedPostgres | undefined,
  ) {
    this.options = options;
    this.#folder = folder;
    this.#redis = redis;
    this.#postgres = postgres;
    this.#database = new DatabaseTarget(join(folder, 'postgres'), () => this.databaseUrl());
    this.#workerMode = options.worker;
  }

  /** Starts everything; resolves when every server is ready. */
  static async start(options: SystemOptions): Promise<System> {
    const system = await System.prepare(options);
    try {
      system.startServers();
      await system.ready(60_000);
      await system.#startWorker();
      return system;
    } catch (error) {
      await system.close();
      throw error;
    }
  }

  /** Starts the stores; with an embedded database there is none yet but its folder. */
  static async prepare(options: SystemOptions): Promise<System> {
    const folder = await mkdtemp(join(tmpdir(), 'hongbao-drill-'));
    const redis = options.backend === 'redis' ? await startRedis() : undefined;
    // Nodes share a database, so it cannot be the one that a server brings along.
    const own = options.backend === 'redis' || options.nodes > 1;
    const postgres = own
      ? await startEmbeddedPostgres({ dataDir: folder, log: silent })
      : undefined;
    const system = new System(options, folder, redis, postgres);
    for (let node = 0; node < options.nodes; node += 1) {
      system.urls.push(`http://127.0.0.1:${await freePort()}`);
      const env = system.#serverEnv(node);
      system.servers.push(new KeptProcess(`server ${node}`, 'gateway/main.ts', env));
    }
    return system;
  }

  startServers(): void {
    for (const server of this.servers) server.start();
  }

  /** While no server runs: lends the embedded database, where there is one. */
  async withDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
    if (this.#postgres !== undefined) return work(this.#postgres.url);
    const embedded = await startEmbeddedPostgres({ dataDir: this.#folder, log: silent });
    try {
      return await work(embedded.url);
    } finally {
      await embedded.stop();
    }
  }

  #serverEnv(node: number): Environment {
    const url = this.urls[node] ?? '';
    return {
      ...this.#stores(),
      PORT: new URL(url).port,
      HOST: '127.0.0.1',
      AUTH_SECRET: testSecret,
      THREADS: '2',
      LOG_LEVEL: 'warn',
      WORKERS: this.#workerMode === 'inline' ? 'inline' : 'none',
      NODE_ID: `node-${node}`,
      NODE_URL: url,
    };
  }

  #stores(): Environment {
    return {
      ...(this.#postgres === undefined
        ? { DATA_DIR: this.#folder }
        : { DATABASE_URL: this.#postgres.url }),
      ...(this.#redis === undefined ? {} : { REDIS_URL: this.#redis.url }),
    };
  }

  async #startWorker(): Promise<void> {
    if (this.#workerMode === 'inline') return;
    const env = {
      ...(this.#redis === undefined ? {} : { REDIS_URL: this.#redis.url }),
      DATABASE_URL: await this.databaseUrl(),
      LOG_LEVEL: 'warn',
    };
    this.#worker = new KeptProcess('worker', 'workers/main.ts', env);
    this.#worker.start();
  }

  get workerMode(): WorkerMode {
    return this.#workerMode;
  }

  get redisUrl(): string | undefined {
    return this.#redis?.url;
  }

  /** Of the database, for SQL of the drill's own. */
  async databaseUrl(): Promise<string> {
    if (this.#postgres !== undefined) return this.#postgres.url;
    const read = async (name: string) => (await readFile(join(this.#folder, name), 'utf8')).trim();
    const [port, password] = await Promise.all([read('postgres.port'), read('postgres.password')]);
    return `postgres://postgres:${password}@127.0.0.1:${port}/hongbao`;
  }

  /** Every server says so, or an Error after so long. */
  async ready(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (const [node, url] of this.urls.entries()) {
      for (;;) {
        const signal = AbortSignal.timeout(2_000);
        const state = await fetch(`${url}/readyz`, { signal }).then(
          async (response) => (response.ok ? 'ready' : response.text()),
          (error: unknown) => String(error),
        );
        if (state === 'ready') break;
        if (performance.now() > until) throw new Error(`server ${node} is not ready: ${state}`);
        await sleep(pollMs);
      }
    }
  }

  /**
   * Breaks one part; resolves with false when it was not there to be broken. Redis is started again after `awayMs`
   * by `revive`; everything else comes back by itself.
   */
  async strike(kind: StrikeKind, node: number, awayMs: number): Promise<boolean> {
    const server = this.servers[node % this.servers.length];
    switch (kind) {
      case 'server':
        return (await server?.kill()) ?? false;
      case 'pause':
        return (await server?.pause(awayMs)) ?? false;
      case 'stall':
        return this.#stall(awayMs);
      case 'worker':
        return (await this.#worker?.kill()) ?? false;
      case 'redis':
        if (this.#redis?.pid === undefined) return false;
        await this.#redis.kill();
        return true;
      case 'postmaster':
        return this.#database.killPostmaster();
      case 'backend':
        return this.#database.killSomeSession();
    }
  }

  /** The journal's store stands still: Redis, or every session of PostgreSQL. */
  async #stall(durationMs: number): Promise<boolean> {
    const onRedis = this.options.backend === 'redis';
    const stores = onRedis ? [this.#redis?.pid] : await this.#database.sessions();
    const stopped = stores.filter((pid) => pid !== undefined && signalled(pid, 'SIGSTOP'));
    await sleep(durationMs);
    for (const pid of stopped) if (pid !== undefined) signalled(pid, 'SIGCONT');
    return stopped.length > 0;
  }

  /** Starts what does not start by itself; resolves when the struck part's restart has begun. */
  async revive(kind: StrikeKind, node: number, awayMs: number, lifeBefore: number): Promise<void> {
    if (kind === 'redis') {
      await sleep(awayMs);
      if (this.#redis?.pid === undefined) await this.#redis?.start();
    } else if (kind === 'server')
      await this.servers[node % this.servers.length]?.startedAfter(lifeBefore);
    else if (kind === 'worker') await this.#worker?.startedAfter(lifeBefore);
    else if (kind === 'postmaster') await this.#database.postmasterOtherThan(lifeBefore);
  }

  /** Tells one life of a part from the next: the number of starts, or a pid. */
  async life(kind: StrikeKind, node: number): Promise<number> {
    if (kind === 'server') return this.servers[node % this.servers.length]?.starts ?? 0;
    if (kind === 'worker') return this.#worker?.starts ?? 0;
    if (kind === 'postmaster') return (await this.#database.postmaster()) ?? 0;
    return 0;
  }

  /** Drains the servers and starts them with the settle worker elsewhere. @returns their exit codes */
  async moveWorker(mode: WorkerMode): Promise<(number | null)[]> {
    this.#workerMode = mode;
    for (const [node, server] of this.servers.entries()) server.env = this.#serverEnv(node);
    await this.#retireWorker();
    const codes = await Promise.all(this.servers.map((server) => server.drain()));
    await this.ready(60_000);
    await this.#startWorker();
    return codes;
  }

  async #retireWorker(): Promise<void> {
    await this.#worker?.close();
    this.#retired.push(...(this.#worker?.ownEnds ?? []));
    this.#worker = undefined;
  }

  /** Ends that nobody asked for, most often a start while a store was away. */
  get ownEnds(): readonly OwnEnd[] {
    const running = [...this.servers, ...(this.#worker === undefined ? [] : [this.#worker])];
    return [...this.#retired, ...running.flatMap((process) => process.ownEnds)];
  }

  /** Last lines of every process's log. */
  logs(): ReadonlyMap<string, string> {
    const processes = [...this.servers, ...(this.#worker === undefined ? [] : [this.#worker])];
    return new Map(processes.map((process) => [process.name, process.output]));
  }

  /** Ends everything and removes the data. */
  async close(): Promise<void> {
    await this.#retireWorker();
    await Promise.all(this.servers.map((server) => server.close()));
    // An embedded PostgreSQL whose server could not stop it any more.
    if (this.#postgres === undefined) await stopOrphan(join(this.#folder, 'postgres'), silent);
    await this.#postgres?.stop();
    await this.#redis?.remove();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
