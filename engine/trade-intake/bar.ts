/** The information bar of a one-to-one chat: the other one's trades, as far as the reader sees them. (T13, c19, ¶92) */
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { contactCode } from '../social/contacts.ts';
import { messageId } from '../social/messages.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { IntakeContext } from './context.ts';
import type { ContactTrade } from './port.ts';

interface BarRow {
  readonly id: number;
  readonly title: string;
  readonly price: number;
  readonly currency: string;
  readonly platform: string;
  readonly at: number;
  readonly link: string;
  readonly types: readonly string[];
  readonly conversation: number;
  readonly no: number;
}

/**
 * Of several groups that show a trade to the reader, the one that he came into last. Each group gives the newest, from
 * its index: what the other one has traded elsewhere, however much, is not looked at.
 */
const seenText = `SELECT trade.id, title, price, currency, platform, trade.at, message.link, shown.types,
    shown.conversation, shown.no
  FROM (
      SELECT DISTINCT ON (seen.trade) seen.trade, reader.conversation, seen.no, seen.types
      FROM member AS reader JOIN member AS other USING (conversation) CROSS JOIN LATERAL (
          SELECT trade, no, types FROM trade_shown
          WHERE trade_shown.conversation = reader.conversation AND user_id = $2 AND no > reader.joined_no
            AND trade < coalesce($3::bigint, ${Number.MAX_SAFE_INTEGER})
          ORDER BY trade DESC LIMIT $4) AS seen
      WHERE reader.user_id = $1 AND other.user_id = $2
      ORDER BY seen.trade DESC, reader.conversation DESC LIMIT $4) AS shown
    JOIN trade ON trade.id = shown.trade
    JOIN message ON message.conversation = shown.conversation AND message.no = shown.no
  ORDER BY trade.id DESC`;

/** See `TradeIntake.tradesOf`. */
export async function tradesOf(
  { pool }: IntakeContext,
  readerId: string,
  otherId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<ContactTrade> | { readonly code: 'contact_not_found' }> {
  if (readerId === otherId) return { code: 'contact_not_found' };
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  const { rows: related } = await pool.query<{ related: boolean }>({
    name: 'trade-bar-related',
    text: `SELECT EXISTS (
        SELECT FROM contact WHERE user_id = $1 AND other = $2 AND state = ${contactCode.accepted})
      OR EXISTS (
        SELECT FROM member AS reader JOIN member AS other USING (conversation)
          JOIN conversation ON conversation.id = conversation AND kind = 3
        WHERE reader.user_id = $1 AND other.user_id = $2) AS related`,
    values: [readerId, otherId],
  });
  if (related[0]?.related !== true) return { code: 'contact_not_found' };
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<BarRow>({
    name: 'trade-bar',
    text: seenText,
    values: [readerId, otherId, ...before, limit + 1],
  });
  return { code: 'page', ...pageOf(rows, limit, contactTrade, ({ id }) => [id]) };
}

function contactTrade(row: BarRow): ContactTrade {
  const { id, link: url, types, conversation, no, ...trade } = row;
  const { title, price, currency, platform, at } = trade;
  return {
    link: { tradeId: String(id), url, title, price, currency, platform, at },
    types,
    groupId: String(conversation),
    messageId: messageId(conversation, no),
  };
}
