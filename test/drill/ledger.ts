/** What stands in PostgreSQL at the end, read by SQL of the drill's own. */
import { Client } from 'pg';

export interface BatchRow {
  readonly id: string;
  readonly sender: string;
  readonly mode: string;
  readonly once: boolean;
  readonly anyone: boolean;
  readonly count: number;
  readonly total: number;
  readonly each: number | null;
  readonly claimed: number;
  readonly opened: number;
  readonly openedAmount: number;
  readonly refunded: number;
  readonly confirmedAt: number | null;
  readonly expiresAt: number | null;
  readonly expiredAt: number | null;
  readonly ended: boolean;
  readonly quarantined: boolean;
}

export interface PacketRow {
  readonly batch: string;
  readonly packet: number;
  readonly receiver: string;
  readonly key: string | null;
  readonly claimedAt: number;
  readonly openedAt: number | null;
  readonly amount: number | null;
}

/** A ledger row; kinds: 1 deposit, 2 funding, 3 open, 4 refund. */
export interface EntryRow {
  readonly owner: string;
  readonly kind: number;
  readonly amount: number;
  readonly batch: string | null;
  readonly version: number | null;
  readonly at: number;
}

export interface EventRow {
  readonly batch: string;
  readonly version: number;
  readonly packet: number;
  readonly amount: number;
}

export interface DepositRow {
  readonly reference: string;
  readonly user: string;
  readonly amount: number;
}

export interface Ledger {
  readonly readAt: number;
  readonly batches: ReadonlyMap<string, BatchRow>;
  /** `<batch>-<packet>` */
  readonly packets: ReadonlyMap<string, PacketRow>;
  readonly packetsOf: ReadonlyMap<string, readonly PacketRow[]>;
  /** Listed receivers: `<batch> <user>`. */
  readonly listed: ReadonlySet<string>;
  readonly entries: readonly EntryRow[];
  /** Events that moved money to a receiver. */
  readonly opens: readonly EventRow[];
  readonly deposits: ReadonlyMap<string, DepositRow>;
  readonly accounts: ReadonlyMap<string, number>;
  readonly quarantined: number;
  /** Transfers whose rows do not sum to zero. */
  readonly unbalancedTransfers: number;
}

// Amounts and times are below 2^53, which float8 holds exactly.
const queries = {
  batches: `SELECT id::text, sender, mode, once_per_receiver AS once, anyone, count, total::float8, each::float8,
    claimed, opened, opened_amount::float8 AS "openedAmount", refunded_amount::float8 AS refunded,
    confirmed_at::float8 AS "confirmedAt", expires_at::float8 AS "expiresAt", expired_at::float8 AS "expiredAt",
    ended, quarantined FROM batch`,
  packets: `SELECT batch::text, packet, receiver, key, claimed_at::float8 AS "claimedAt",
    opened_at::float8 AS "openedAt", amount::float8 FROM packet ORDER BY batch, packet`,
  listed: `SELECT batch || ' ' || user_id AS listed FROM receiver`,
  entries: `SELECT owner, kind, amount::float8, batch::text, version, at::float8 FROM entry`,
  opens: `SELECT batch::text, version, packet, amount::float8 FROM event
    WHERE kind IN (1, 2) AND amount IS NOT NULL`,
  deposits: `SELECT reference, user_id AS user, amount::float8 FROM deposit`,
  accounts: `SELECT owner, (balance + held)::float8 AS balance FROM account WHERE asset = 'CNY'`,
  quarantined: 'SELECT count(*)::int AS n FROM quarantine',
  unbalanced: `SELECT count(*)::int AS n FROM
    (SELECT FROM entry GROUP BY transfer, asset HAVING sum(amount) <> 0) AS t`,
} as const;

/** One snapshot of everything. */
export async function readLedger(url: string): Promise<Ledger> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  const all = async <Row extends object>(text: string) => (await client.query<Row>(text)).rows;
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const packets = await all<PacketRow>(queries.packets);
    const deposits = await all<DepositRow>(queries.deposits);
    const accounts = await all<{ owner: string; balance: number }>(queries.accounts);
    const batches = await all<BatchRow>(queries.batches);
    const listed = await all<{ listed: string }>(queries.listed);
    return {
      readAt: Date.now(),
      batches: new Map(batches.map((row) => [row.id, row])),
      packets: new Map(packets.map((row) => [`${row.batch}-${row.packet}`, row])),
      packetsOf: Map.groupBy(packets, ({ batch }) => batch),
      listed: new Set(listed.map((row) => row.listed)),
      entries: await all<EntryRow>(queries.entries),
      opens: await all<EventRow>(queries.opens),
      deposits: new Map(deposits.map((row) => [row.reference, row])),
      accounts: new Map(accounts.map((row) => [row.owner, row.balance])),
      quarantined: (await all<{ n: number }>(queries.quarantined))[0]?.n ?? -1,
      unbalancedTransfers: (await all<{ n: number }>(queries.unbalanced))[0]?.n ?? -1,
    };
  } finally {
    await client.end();
  }
}
