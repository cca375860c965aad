/** Names that the benchmark and its platform agree on. */

export const platformName = 'mall';
export const platformToken = 'a token of the benchmark';
export const webhookSecret = 'a webhook secret of the benchmark';

export const accountName = (i: number): string => `account-${i}`;
export const secretOf = (i: number): string => `secret of ${i}`;
export const ownerName = (i: number): string => `member-${i}`;
