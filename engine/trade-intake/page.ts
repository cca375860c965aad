/** The way to a trade's page: who may follow its link, and where it may lead now. (T12, c17, c18, ¶90–91) */
import { isKey } from '../books/pages.ts';
import { tradeIdPattern } from '../limits.ts';
import type { IntakeContext } from './context.ts';
import { safeLink } from './links.ts';

/** See `TradeIntake.page`. */
export async function pageOfTrade(
  { pool, platforms }: IntakeContext,
  tradeId: string,
  userId: string | undefined,
  key: string | undefined,
): Promise<string | undefined> {
  if (!tradeIdPattern.test(tradeId)) return undefined;
  const { rows } = await pool.query<{
    platform: string;
    url: string;
    link_key: string;
    is_seen: boolean;
  }>({
    name: 'trade-page',
    text: `SELECT platform, url, link_key, EXISTS (
        SELECT FROM trade_shown JOIN member USING (conversation)
        WHERE trade = $1 AND member.user_id = $2 AND no > joined_no) AS is_seen
      FROM trade WHERE id = $1`,
    values: [tradeId, userId ?? null],
  });
  const [row] = rows;
  if (row === undefined || !(row.is_seen || isKey(row.link_key, key))) return undefined;
  // The operator may have taken the host, or the platform, away since.
  const rules = platforms.get(row.platform);
  const link = rules === undefined ? undefined : safeLink(row.url, rules);
  return link?.code === 'safe' ? link.url : undefined;
}
