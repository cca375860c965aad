/** Answers as OpenAPI shows them; the tests hold every answer against these. */
import { z } from 'zod';
import { entryKinds, type EntryKind } from '../../engine/store/ledger.ts';
import * as fields from './fields.ts';

const position = z
  .string()
  .meta({ description: 'Pass it as `after` to read this on another node.' });
const next = z.string().optional().meta({ description: 'Cursor of the next page.' });

const createdFields = {
  id: fields.batchId,
  mode: fields.mode,
  count: fields.count,
  total: fields.amount,
  each: fields.amount.optional(),
  asset: fields.asset,
  greeting: z.string(),
  senderId: fields.userId,
  createdAt: fields.time,
  transfer: z
    .strictObject({ from: z.string(), to: z.string(), asset: fields.asset, amount: fields.amount })
    .meta({ description: 'What confirming moves. (E3)' }),
};
export const createdBatch = z.strictObject({
  status: z.literal('awaiting_confirmation'),
  ...createdFields,
});
export const confirmedBatch = z.strictObject({
  status: z.literal('active'),
  ...createdFields,
  expiresAt: fields.time,
  link: z.url().meta({ description: 'The receive link with its key. (E6)' }),
});
export const batchPage = z.strictObject({
  id: fields.batchId,
  status: fields.batchStatus,
  mode: fields.mode,
  count: fields.count,
  claimed: fields.quantity,
  opened: fields.quantity,
  remaining: fields.quantity.meta({ description: 'Packets not yet claimed. (E9)' }),
  asset: fields.asset,
  greeting: z.string(),
  senderId: fields.userId,
  expiresAt: fields.time.optional(),
  total: fields.amount.optional().meta({ description: 'Sender only.' }),
  each: fields.amount.optional().meta({ description: 'Sender only.' }),
  openedAmount: fields.quantity.optional().meta({ description: 'Sender only.' }),
  refundedAmount: fields.quantity.optional().meta({ description: 'Sender only.' }),
});
export const claimsPage = z.strictObject({
  items: z.array(
    z.strictObject({
      packetId: fields.packetId,
      receiverId: fields.userId,
      status: z.enum(['claimed', 'opened']),
      claimedAt: fields.time,
      openedAt: fields.time.optional(),
      amount: fields.amount.optional(),
      best: z.literal(true).optional(),
    }),
  ),
  next,
});
export const audienceStored = z.strictObject({
  receivers: fields.quantity.meta({ description: 'Distinct receivers now stored. (E8)' }),
  anyone: z.boolean(),
});

const packetFields = {
  batchId: fields.batchId,
  packetId: fields.packetId,
  receiverId: fields.userId,
  position,
};
const openedFields = { amount: fields.amount, asset: fields.asset, openedAt: fields.time };
const claimedPacket = z.strictObject({
  ...packetFields,
  status: z.literal('claimed'),
  claimedAt: fields.time,
});
const claimedAndOpened = z.strictObject({
  ...packetFields,
  status: z.literal('opened'),
  claimedAt: fields.time,
  ...openedFields,
});
const repeated = { repeated: z.literal(true) };
export const claimAnswer = z.union([claimedPacket, claimedAndOpened]);
export const repeatedClaim = z.union([
  claimedPacket.extend(repeated),
  claimedAndOpened.extend(repeated),
]);
export const openedPacket = z.strictObject({
  ...packetFields,
  status: z.literal('opened'),
  ...openedFields,
});

export const accounts = z.strictObject({
  items: z.array(
    z.strictObject({ asset: fields.asset, balance: fields.quantity, held: fields.quantity }),
  ),
});
export const entries = z.strictObject({
  items: z.array(
    z.strictObject({
      id: z.string(),
      at: fields.time,
      amount: z.int().meta({ description: 'Signed, minor units.' }),
      kind: z.enum(Object.keys(entryKinds) as EntryKind[]).meta({
        description:
          'deposit: credited by the operator; funding: a batch was confirmed; open: a packet was opened; refund: what ' +
          'nobody opened; withdrawal: to the bank; withdrawal_return: the bank refused.',
      }),
      counterpart: z.string().meta({ description: 'The account on the other side.' }),
      batchId: fields.batchId.optional(),
      senderId: fields.userId.optional().meta({ description: 'Who sent the batch.' }),
      withdrawalId: z.string().optional(),
      card: z
        .strictObject({ bank: z.string(), last4: z.string() })
        .optional()
        .meta({ description: 'The card that the withdrawal goes to.' }),
      reference: z.string().optional().meta({ description: "The operator's, of a deposit." }),
      balanceAfter: fields.quantity.meta({
        description: 'Of the account right after this entry, what is held included.',
      }),
    }),
  ),
  next,
});
const totals = { asset: fields.asset, count: fields.quantity, amount: fields.quantity };
export const sentRecords = z.strictObject({
  items: z.array(
    z.strictObject({
      batchId: fields.batchId,
      status: fields.batchStatus,
      mode: fields.mode,
      asset: fields.asset,
      count: fields.count,
      claimed: fields.quantity,
      opened: fields.quantity,
      total: fields.amount,
      openedAmount: fields.quantity,
      refundedAmount: fields.quantity,
      greeting: z.string(),
      createdAt: fields.time,
      expiresAt: fields.time.optional(),
      best: z
        .strictObject({
          packetId: fields.packetId,
          receiverId: fields.userId,
          amount: fields.amount,
        })
        .optional()
        .meta({ description: 'The largest amount, once all are opened or the batch has expired.' }),
    }),
  ),
  totals: z
    .array(
      z.strictObject({
        ...totals,
        openedAmount: fields.quantity,
        refundedAmount: fields.quantity,
      }),
    )
    .meta({ description: 'Of confirmed batches; the rest of `amount` can still be opened.' }),
  next,
});
export const receivedRecords = z.strictObject({
  items: z.array(
    z.strictObject({
      batchId: fields.batchId,
      packetId: fields.packetId,
      senderId: fields.userId,
      asset: fields.asset,
      greeting: z.string(),
      status: z.enum(['claimed', 'opened']),
      claimedAt: fields.time,
      openedAt: fields.time.optional(),
      amount: fields.amount.optional(),
      batchStatus: fields.batchStatus.meta({
        description: 'An unopened packet of an `expired` batch has gone back to the sender.',
      }),
      mode: fields.mode,
      best: z.literal(true).optional().meta({
        description: 'The largest amount, once all are opened or the batch has expired.',
      }),
    }),
  ),
  totals: z
    .array(z.strictObject(totals))
    .meta({ description: 'Packets, and what was opened of them.' }),
  next,
});

export const deposited = z.strictObject({ account: z.string(), balance: fields.quantity });
export const audit = z.strictObject({
  assets: z.array(
    z.strictObject({
      asset: fields.asset,
      issued: z.int(),
      users: z.int(),
      escrow: z.int(),
      inFlight: z.int(),
      paidOut: z.int(),
      difference: z.int(),
    }),
  ),
  pendingEvents: fields.quantity.meta({ description: 'Acknowledged but not yet settled.' }),
  ok: z.boolean(),
  mismatches: z.int().min(1).optional().meta({
    description: 'Accounts or batches that differ from their own rows; absent when none.',
  }),
  quarantined: z.int().min(1).optional().meta({
    description: 'Batches that wait for a repair by an operator; absent when none.',
  }),
});
export const token = z.strictObject({ token: z.string() });
export const state = z.strictObject({ status: z.string() });
export const readiness = z.strictObject({ status: z.string(), reason: z.string().optional() });

/** RFC 9457, with our code and request id; `errors` with invalid requests, the rest with one code each. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  threshold: fields.amount.optional(),
  attemptsLeft: fields.quantity.optional(),
  limit: z
    .strictObject({
      name: z.enum(['min', 'max', 'day_amount', 'day_count']),
      value: fields.quantity,
    })
    .optional(),
});
