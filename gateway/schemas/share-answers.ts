/** The answer of a share as OpenAPI shows it. (E7) */
import { z } from 'zod';
import { quantity } from './fields.ts';
import { messageId } from './social-fields.ts';

const receivers = quantity.meta({ description: 'Distinct receivers the batch has now. (E8)' });

export const shared = z.union([
  z.strictObject({
    messageId: messageId.meta({ description: 'Of several, the first.' }),
    messageIds: z
      .array(messageId)
      .optional()
      .meta({ description: 'When `to` names several: one message for each, in that order.' }),
    receivers,
  }),
  z.strictObject({ postId: z.string(), receivers }),
  z.strictObject({
    qr: z.url().meta({ description: 'The link as an image, for the sender; `.png` beside it.' }),
    receivers,
  }),
]);
