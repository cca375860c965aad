/**
 * Pushes as the gateway sees them: each listener's events, numbered 1, 2, 3 … by a counter that is taken in the very
 * transaction that makes the event true, so that whoever resumes after a number misses nothing and gets nothing twice.
 * A listener is a user who has opened a stream; for others nothing is kept. (E5, E12, T5)
 */

export const pushTypes = [
  'batch.generated',
  'packet.claimed',
  'packet.opened',
  'batch.exhausted',
  'batch.expired',
  'message.created',
  'invitation.created',
  'invitation.updated',
  'join_request.created',
  'join_request.updated',
  'trade.shared',
  'trade.account_stopped',
  'withdrawal.updated',
] as const;
export type PushType = (typeof pushTypes)[number];

export interface Push {
  /** 1, 2, 3 … of this user; the stream's event id. */
  readonly no: number;
  readonly type: PushType;
  /** As it goes to the client: JSON, times in RFC 3339. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Listening {
  /** Number of the newest push so far; 0: none yet. */
  readonly newest: number;
  /** Pushes up to this number are no longer kept. */
  readonly purged: number;
}

/** A transaction that began before a listener was there, and may have overlooked it, goes on and on. */
export class WritersLinger extends Error {
  override readonly name = 'WritersLinger';
}

export interface Pushes {
  /**
   * From now on pushes to this user are kept; repeated: kept on.
   *
   * @throws WritersLinger when that cannot be promised yet; asking again is safe
   */
  listen(userId: string): Promise<Listening>;
  /** Pushes with numbers above `after`, in order, at most `limit`. */
  read(userId: string, after: number, limit: number): Promise<readonly Push[]>;
  /** Number of the newest push of each of these users; who is no listener is missing. */
  newest(userIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** These users' streams are open: they are kept as listeners. */
  touch(userIds: readonly string[]): Promise<void>;
  /**
   * Calls `hear` with users who may have new pushes; `undefined`: anybody may. Word may come twice or early, and after a
   * lost connection comes as `undefined`.
   */
  watch(hear: (userIds: readonly string[] | undefined) => void): void;
  close(): Promise<void>;
}
