/** Migrations: once, under a lock, and never over a database of another version. */
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../engine/store/migrate.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';

let database: TestDatabase;
let client: Client;
beforeEach(async () => {
  database = await freshDatabase({ migrated: false });
  client = new Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

const count = async (table: string) =>
  Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);

test('many processes at once migrate once; again, nothing happens', async () => {
  await Promise.all(Array.from({ length: 5 }, () => migrate(database.url)));
  const applied = await count('migration');
  expect(applied).toBeGreaterThanOrEqual(3);
  expect(await count('shard')).toBe(256);
  await migrate(database.url);
  expect(await count('migration')).toBe(applied);
});

test('a changed file is refused by name', async () => {
  await migrate(database.url);
  await client.query("UPDATE migration SET checksum = 'other' WHERE name LIKE '0002%'");
  await expect(migrate(database.url)).rejects.toThrow(/0002_batches\.sql was changed/);
});

test('a migration from the future is refused by name', async () => {
  await migrate(database.url);
  await client.query("INSERT INTO migration (name, checksum) VALUES ('9999_later.sql', 'x')");
  await expect(migrate(database.url)).rejects.toThrow(/9999_later\.sql.*newer version/);
});

test('a file that fails leaves nothing of itself behind', async () => {
  await client.query('CREATE TABLE packet (something integer)');
  await expect(migrate(database.url)).rejects.toThrow(/packet/);
  const { rows } = await client.query(
    "SELECT to_regclass('batch') AS batch, to_regclass('owner') AS owner",
  );
  expect(rows).toEqual([{ batch: null, owner: 'owner' }]);
  await client.query('DROP TABLE packet');
  await migrate(database.url);
  expect(await count('batch')).toBe(0);
});
