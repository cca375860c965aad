/** What must agree with what: each query gives one row per disagreement, none when all is well. */

/** Packets and events of a batch told in a few numbers; the two checksums must agree. */
const packets = `SELECT batch, count(*) AS claimed, max(packet) AS newest, count(amount) AS opened,
    coalesce(sum(amount), 0) AS amount, coalesce(max(amount), 0) AS best,
    bit_xor(hashtextextended(packet || ' ' || receiver || ' ' || claimed_at || ' ' || opened_by_claim, 0)) AS claims,
    bit_xor(hashtextextended(packet || ' ' || receiver || ' ' || amount || ' ' || opened_at, 0))
      FILTER (WHERE amount IS NOT NULL) AS opens
  FROM packet GROUP BY batch`;

/** Kinds: 1 claimed, 2 opened, 4 expired. */
const events = `SELECT batch, count(*) AS n, max(version) AS newest,
    coalesce(sum(amount) FILTER (WHERE kind IN (1, 2)), 0) AS amount,
    coalesce(sum(amount) FILTER (WHERE kind = 4), 0) AS refunded, count(*) FILTER (WHERE kind = 4) AS expired,
    bit_xor(hashtextextended(packet || ' ' || receiver || ' ' || at || ' ' || (amount IS NOT NULL), 0))
      FILTER (WHERE kind = 1) AS claims,
    bit_xor(hashtextextended(packet || ' ' || receiver || ' ' || amount || ' ' || at, 0))
      FILTER (WHERE kind IN (1, 2) AND amount IS NOT NULL) AS opens
  FROM event GROUP BY batch`;

export const mismatchQueries = {
  /** A balance is the sum of the account's entries. */
  accounts: `SELECT FROM account
    FULL JOIN (SELECT owner, asset, sum(amount) AS amount FROM entry GROUP BY owner, asset) AS e USING (owner, asset)
    WHERE coalesce(balance + held, 0) <> coalesce(e.amount, 0)`,
  /** Double entry. */
  transfers: 'SELECT FROM entry GROUP BY transfer, asset HAVING sum(amount) <> 0',
  /** A batch's counters are those of its packets, which are numbered without a gap. */
  packets: `SELECT FROM batch FULL JOIN (${packets}) AS p ON p.batch = batch.id
    WHERE (batch.claimed, batch.claimed, batch.opened, batch.opened_amount, batch.best_amount) IS DISTINCT FROM
      (coalesce(p.claimed, 0)::int, coalesce(p.newest, 0), coalesce(p.opened, 0)::int,
        coalesce(p.amount, 0)::bigint, coalesce(p.best, 0))`,
  /** Versions have no gap, and the events say what the counters say. */
  events: `SELECT FROM batch FULL JOIN (${events}) AS e ON e.batch = batch.id
    WHERE (batch.version, batch.version, batch.opened_amount, batch.refunded_amount, batch.expired_at IS NOT NULL)
      IS DISTINCT FROM (coalesce(e.n, 0)::int, coalesce(e.newest, 0), coalesce(e.amount, 0)::bigint,
        coalesce(e.refunded, 0)::bigint, coalesce(e.expired, 0) = 1)`,
  /** The events say what the packets say, receiver by receiver and amount by amount. */
  content: `SELECT FROM (${events}) AS e FULL JOIN (${packets}) AS p USING (batch)
    WHERE (e.claims, e.opens) IS DISTINCT FROM (p.claims, p.opens)`,
  /** What follows from a batch's own rows: its end, its best packet, the time of its newest event. */
  derived: `SELECT FROM batch
    LEFT JOIN packet ON packet.batch = batch.id AND packet.packet = best_packet
    LEFT JOIN (SELECT batch, max(at) AS at, bool_or(kind = 3 AND (rest->>'anyone')::bool) AS anyone
      FROM event GROUP BY batch) AS e ON e.batch = batch.id
    WHERE ended <> (confirmed_at IS NOT NULL AND (opened = count OR expired_at IS NOT NULL))
      OR best_amount <> coalesce(packet.amount, 0) OR last_event_at <> coalesce(e.at, last_event_at)
      OR (e.anyone AND NOT batch.anyone)`,
  /** Every movement of a batch's money stands in the ledger under its event, with its user, and the other way round. */
  movements: `SELECT FROM (
      SELECT id AS batch, NULL AS version, 2 AS kind, 'user:' || sender AS owner, asset, -total AS amount
      FROM batch WHERE confirmed_at IS NOT NULL
      UNION ALL
      SELECT batch.id, event.version, CASE WHEN kind = 4 THEN 4 ELSE 3 END,
        'user:' || CASE WHEN kind = 4 THEN sender ELSE receiver END, asset, amount
      FROM event JOIN batch ON batch.id = event.batch WHERE kind IN (1, 2, 4) AND amount > 0) AS m
    FULL JOIN (SELECT batch, version, kind, owner, asset, amount FROM entry
      WHERE kind NOT IN (1, 5, 6, 7) AND owner LIKE 'user:%') AS e
      ON e.batch = m.batch AND coalesce(e.version, 0) = coalesce(m.version, 0) AND e.kind = m.kind
        AND e.owner = m.owner AND e.asset = m.asset AND e.amount = m.amount
    WHERE e.batch IS NULL OR m.batch IS NULL`,
  /** Whoever an event lists is listed. (What was listed before confirmation stands in no event.) */
  listed: `SELECT FROM event CROSS JOIN LATERAL json_array_elements_text(rest->'receivers') AS l (user_id)
    LEFT JOIN receiver ON receiver.batch = event.batch AND receiver.user_id = l.user_id
    WHERE kind = 3 AND receiver.batch IS NULL`,
  receivers: `SELECT FROM batch
    FULL JOIN (SELECT batch, count(*) AS n FROM receiver GROUP BY batch) AS r ON r.batch = batch.id
    WHERE batch.receivers IS DISTINCT FROM coalesce(r.n, 0)`,
  /** What is left of a batch lies in its escrow account; an unconfirmed one has none. */
  escrow: `SELECT FROM batch LEFT JOIN account ON owner = 'escrow:' || batch.id AND account.asset = batch.asset
    WHERE balance IS DISTINCT FROM
      CASE WHEN confirmed_at IS NOT NULL THEN total - opened_amount - refunded_amount END`,
  /** Nobody holds escrow but batches. */
  strays: `SELECT FROM account LEFT JOIN batch ON owner = 'escrow:' || batch.id AND account.asset = batch.asset
    WHERE owner LIKE 'escrow:%' AND batch.id IS NULL`,
  /** Every deposit stands in the ledger as it stands in the books (kind 1), and the other way round. */
  deposits: `SELECT FROM deposit
    FULL JOIN (SELECT transfer, owner, asset, amount FROM entry WHERE kind = 1 AND owner LIKE 'user:%') AS e
      ON e.transfer = deposit.transfer AND e.owner = 'user:' || user_id AND e.asset = deposit.asset
        AND e.amount = deposit.amount
    WHERE deposit.reference IS NULL OR e.transfer IS NULL`,
} as const;
