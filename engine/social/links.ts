/** The place for a shared link in messages and posts: `kind`, `subject` and `link` of both tables. (E7, E10) */
import type { BatchLink } from './types.ts';

/** More kinds may come; a text alone has neither subject nor link. */
export const linkKind = { text: 1, batch: 2 } as const;

export interface LinkRow {
  readonly kind: number;
  /** As text: a batch id may be larger than a safe integer. */
  readonly subject: string | null;
  readonly link: string | null;
}

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
