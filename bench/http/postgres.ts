/** A PostgreSQL server of one target's own, with the settings that the project's embedded one has. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import type { Cleanup } from '../support/cleanup.ts';

export interface BenchPostgres {
  readonly url: string;
  /** Of the server; its sessions are its children. */
  readonly pid: number;
  /** For looking into the books. */
  readonly pool: Pool;
}

export async function startPostgres(cleanup: Cleanup): Promise<BenchPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-bench-'));
  let pid = 0;
  const note = (fields: Readonly<Record<string, unknown>>) => {
    if (typeof fields['pid'] === 'number') pid = fields['pid'];
  };
  const complain = (_fields: object, message: string) => {
    process.stderr.write(`PostgreSQL: ${message}\n`);
  };
  const log = { debug: note, info: note, warn: note, error: complain };
  const starting = startEmbeddedPostgres({ dataDir: folder, log });
  // An interrupted start has to come to its end before there is anything to remove.
  cleanup.add(async () => {
    await starting.then((postgres) => postgres.stop()).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  });
  const postgres = await starting;
  const pool = new Pool({ connectionString: postgres.url, max: 1 });
  // A server that stops breaks its idle connections.
  pool.on('error', () => undefined);
  cleanup.add(() => pool.end());
  return { url: postgres.url, pid, pool };
}
