import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { EmbeddedLog } from '../../engine/embedded/log.ts';
import { startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's PostgreSQL, database `hongbao`; use freshDatabase() for one of your own. */
    pgUrl: string;
    /** The run's Redis with the durable settings, shared by all tests: use a prefix of your own. */
    redisUrl: string;
  }
}

/** One real PostgreSQL and one real Redis for the whole run. Without them nothing is tested. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const endings: (() => Promise<void>)[] = [];
  const endAll = async () => {
    for (const end of endings.reverse()) await end();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'hongbao-postgres-'));
    endings.push(() => rm(folder, { recursive: true, force: true }));
    const postgres = await startEmbeddedPostgres({ dataDir: folder, log: problemsOnly });
    endings.push(() => postgres.stop());
    project.provide('pgUrl', postgres.url);

    const given = process.env['REDIS_URL'];
    if (given === undefined || given === '') {
      const redis = await startRedis();
      endings.push(() => redis.remove());
      project.provide('redisUrl', redis.url);
    } else {
      project.provide('redisUrl', given);
    }
  } catch (error) {
    await endAll();
    throw error;
  }
  return endAll;
}

const problemsOnly: EmbeddedLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};
