/**
 * New trades as messages of their groups: each once in every group in which its account is shared and one of the types
 * chosen there fits. Set-based: as many statements for one trade as for a thousand in twenty groups. (T7, T11, T12, c16,
 * c17, ¶83, ¶90)
 */
import { pushAtEnd } from '../books/context.ts';
import type { Tx } from '../books/types.ts';
import { linkKind, shownLink } from '../social/links.ts';
import { messageId } from '../social/messages.ts';
import { integers, texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import type { NewTrade } from './arrivals.ts';
import { Classifier, foldedTrade } from './classify.ts';
import type { LockedGroup, SharedIn } from './groups.ts';

/** A trade as the message `no` of a group. */
interface Placed {
  readonly trade: NewTrade;
  readonly conversation: number;
  readonly no: number;
  readonly at: number;
  readonly types: readonly string[];
}

export interface PlaceOptions {
  readonly tx: Tx;
  readonly connection: Connection;
  readonly platform: string;
  /** Links of messages begin with it. */
  readonly publicUrl: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** @param groups locked by this transaction. @returns how many trades are shown somewhere */
export async function placeTrades(
  options: PlaceOptions,
  trades: readonly NewTrade[],
  groups: readonly LockedGroup[],
  shared: readonly SharedIn[],
): Promise<number> {
  const placed = numbered(trades, groups, shared, options.at);
  if (placed.length === 0) return 0;
  await insertMessages(options, placed);
  await pushPlaced(options, placed);
  return new Set(placed.map(({ trade }) => trade.id)).size;
}

/** Trades in the order they came; numbers of a group without a gap. */
function numbered(
  trades: readonly NewTrade[],
  groups: readonly LockedGroup[],
  shared: readonly SharedIn[],
  at: number,
): readonly Placed[] {
  const next = new Map(
    groups.map(({ id, last_no, last_at }) => [id, { no: last_no, at: Math.max(last_at, at) }]),
  );
  const places = new Map<number, { conversation: number; classifier: Classifier }[]>();
  for (const { conversation, trade_account, types } of shared) {
    const list = places.get(trade_account) ?? [];
    list.push({ conversation, classifier: new Classifier(types) });
    places.set(trade_account, list);
  }
  const placed: Placed[] = [];
  for (const trade of trades) {
    const words = foldedTrade(trade.trade);
    for (const { conversation, classifier } of places.get(trade.accountId) ?? []) {
      const types = classifier.typesOf(words);
      const last = next.get(conversation);
      if (types === undefined || last === undefined) continue;
      last.no += 1;
      placed.push({ trade, conversation, no: last.no, at: last.at, types });
    }
  }
  return placed;
}

const linkOfTrade = (publicUrl: string, { id, linkKey }: NewTrade): string =>
  `${publicUrl}/v1/trades/${id}/link?k=${linkKey}`;

async function insertMessages(
  { connection, publicUrl }: PlaceOptions,
  placed: readonly Placed[],
): Promise<void> {
  const last = new Map(placed.map((one) => [one.conversation, one]));
  await connection.query({
    name: 'trade-number-messages',
    text: `UPDATE conversation SET last_no = placed.no, last_at = placed.at
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS placed (conversation, no, at)
      WHERE id = placed.conversation`,
    values: [
      integers([...last.keys()]),
      integers([...last.values()].map(({ no }) => no)),
      integers([...last.values()].map(({ at }) => at)),
    ],
  });
  await connection.query({
    name: 'trade-insert-messages',
    text: `WITH placed AS (
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
          AS placed (conversation, no, at, trade, types)
      ), shown AS (
        INSERT INTO trade_shown (trade, conversation, no, user_id, types)
        SELECT trade, conversation, no, user_id, types::text[] FROM placed JOIN trade ON trade.id = placed.trade
      )
      INSERT INTO message (conversation, no, at, subject, kind, sender, text, link)
      SELECT conversation, no, placed.at, trade.id, ${linkKind.trade}, user_id, title,
        $6 || '/v1/trades/' || trade.id || '/link?k=' || link_key
      FROM placed JOIN trade ON trade.id = placed.trade`,
    values: [
      integers(placed.map(({ conversation }) => conversation)),
      integers(placed.map(({ no }) => no)),
      integers(placed.map(({ at }) => at)),
      integers(placed.map(({ trade }) => trade.id)),
      texts(placed.map(({ types }) => texts(types))),
      publicUrl,
    ],
  });
}

/** To each member who may see it and listens: the message, and what it means. */
async function pushPlaced(
  { tx, connection, platform, publicUrl, at }: PlaceOptions,
  placed: readonly Placed[],
): Promise<void> {
  const { rows } = await connection.query<{
    conversation: number;
    user_id: string;
    joined_no: number;
  }>({
    name: 'trade-listening-members',
    text: `SELECT conversation, user_id, joined_no FROM member JOIN listener USING (user_id)
      WHERE conversation = ANY ($1::bigint[])`,
    values: [integers([...new Set(placed.map(({ conversation }) => conversation))])],
  });
  const listening = Map.groupBy(rows, ({ conversation }) => conversation);
  for (const { trade, conversation, no, types } of placed) {
    const users = (listening.get(conversation) ?? [])
      .filter(({ joined_no }) => joined_no < no)
      .map(({ user_id }) => user_id);
    if (users.length === 0) continue;
    const { id, userId, trade: content } = trade;
    const { title, price, currency, at: madeAt } = content;
    const { link, trade: shown } = shownLink({
      tradeId: String(id),
      url: linkOfTrade(publicUrl, trade),
      title,
      price,
      currency,
      platform,
      at: madeAt,
    });
    const data = {
      groupId: String(conversation),
      messageId: messageId(conversation, no),
      senderId: userId,
      types,
      link,
      trade: shown,
    };
    pushAtEnd(tx, { kind: 'message', conversationId: String(conversation), no }, at);
    pushAtEnd(tx, { kind: 'told', users, type: 'trade.shared', data }, at);
  }
}
