/** The place for a shared link in messages and posts: `kind`, `subject` and `link` of both tables. (E7, E10, T11) */
import type { BatchLink, MessageLink, ShownTrade } from './types.ts';

/** More kinds may come; a text alone has neither subject nor link. */
export const linkKind = { text: 1, batch: 2, trade: 3 } as const;

export interface LinkRow {
  readonly kind: number;
  /** As text: a batch id may be larger than a safe integer. */
  readonly subject: string | null;
  readonly link: string | null;
}

/** Of messages; trades stand in no post. */
export interface MessageLinkRow extends LinkRow {
  readonly trade: ShownTrade | null;
}

/** The column `trade` of a `MessageLinkRow`, where `message` is selected from. */
export const tradeColumn = `CASE WHEN message.kind = ${linkKind.trade} THEN (
    SELECT json_build_object('title', title, 'price', price, 'currency', currency, 'platform', platform, 'at', trade.at)
    FROM trade WHERE trade.id = message.subject) END AS trade`;

export function linkColumns(link: BatchLink | undefined): {
  readonly kind: number;
  readonly subject: string | null;
  readonly url: string | null;
} {
  return link === undefined
    ? { kind: linkKind.text, subject: null, url: null }
    : { kind: linkKind.batch, subject: link.batchId, url: link.url };
}

export function linkOf({ kind, subject, link }: LinkRow): BatchLink | undefined {
  if (kind !== linkKind.batch || subject === null || link === null) return undefined;
  return { batchId: subject, url: link };
}

export function messageLinkOf(row: MessageLinkRow): MessageLink | undefined {
  const { kind, subject, link, trade } = row;
  if (kind !== linkKind.trade || subject === null || link === null || trade === null) {
    return linkOf(row);
  }
  return { tradeId: subject, url: link, ...trade };
}

/** As clients see it, in pages and pushes alike: what a message or post is, where it leads, what to draw. */
export function shownLink(link: MessageLink | undefined): {
  readonly kind: 'text' | 'batch' | 'trade';
  readonly link?: object;
  readonly trade?: object;
} {
  if (link === undefined) return { kind: 'text' };
  if ('batchId' in link) return { kind: 'batch', link };
  const { tradeId, url, at, ...trade } = link;
  return {
    kind: 'trade',
    link: { tradeId, url },
    trade: { ...trade, at: new Date(at).toISOString() },
  };
}
