/** Registration of the card that withdrawals are paid to; without it there are none. (E17 ¶205–207) */
import { assert } from '../core/assert.ts';
import type { Card } from '../ports/bank.ts';
import type { Connection } from '../store/statements.ts';
import { isCardNumber, last4Of, maskedName, openCard, registrationRow, sealCard } from './card.ts';
import type { PaymentContext } from './context.ts';
import type { Registration } from './port.ts';
import { sealedOf, type SealedColumns } from './rows.ts';

interface Row extends SealedColumns {
  readonly holder: string;
  readonly bank: string;
  readonly last4: string;
  readonly registered_at: number;
}

/** See `Payments.register`. */
export async function register(
  { pool, vault, now }: PaymentContext,
  userId: string,
  card: Card,
): Promise<Registration> {
  assert(isCardNumber(card.cardNumber), 'the caller has checked the number');
  const sealed = sealCard(vault, card, registrationRow(userId));
  const holderName = maskedName(card.holderName);
  const last4 = last4Of(card.cardNumber);
  const registeredAt = now();
  await pool.query(
    `INSERT INTO registration (user_id, registered_at, holder, bank, last4, card_key, card_nonce, card)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (user_id) DO UPDATE SET registered_at = excluded.registered_at, holder = excluded.holder,
       bank = excluded.bank, last4 = excluded.last4, card_key = excluded.card_key,
       card_nonce = excluded.card_nonce, card = excluded.card`,
    [
      userId,
      registeredAt,
      holderName,
      card.bank,
      last4,
      sealed.keyId,
      Buffer.from(sealed.nonce),
      Buffer.from(sealed.text),
    ],
  );
  return { holderName, bank: card.bank, last4, registeredAt };
}

/** See `Payments.registration`. Needs no key: what is shown is stored beside what is sealed. */
export async function registration(
  { pool }: Pick<PaymentContext, 'pool'>,
  userId: string,
): Promise<Registration | undefined> {
  const { rows } = await pool.query<Row>(
    'SELECT holder, bank, last4, registered_at FROM registration WHERE user_id = $1',
    [userId],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { holder, bank, last4, registered_at } = row;
  return { holderName: holder, bank, last4, registeredAt: registered_at };
}

/** The card of a user, opened. @throws VaultError */
export async function registeredCard(
  connection: Connection,
  { vault }: Pick<PaymentContext, 'vault'>,
  userId: string,
): Promise<Card | undefined> {
  const { rows } = await connection.query<SealedColumns>(
    'SELECT card_key, card_nonce, card FROM registration WHERE user_id = $1',
    [userId],
  );
  const [row] = rows;
  return row === undefined ? undefined : openCard(vault, sealedOf(row), registrationRow(userId));
}
