/** Why a journal's store may not hold money, in words an operator can act on. */

/** One wrong setting: what stands there, and the line that puts it right. */
export interface UnsafeSetting {
  /** Such as `appendfsync is everysec`. */
  readonly found: string;
  /** The line to set, such as `appendfsync always`. */
  readonly line: string;
}

/**
 * Thrown while the store behind the journal could lose, or let somebody else decide over, a job
 * that it said was kept. At start it is final; later every operation rejects with it until the
 * settings are right again.
 */
export class JournalUnsafe extends Error {
  override readonly name = 'JournalUnsafe';
  readonly settings: readonly UnsafeSetting[];

  /** @param variable the environment variable that names the store, such as `REDIS_URL` */
  constructor(variable: string, settings: readonly UnsafeSetting[]) {
    const parts = settings.map(({ found, line }) => `${found} (set: ${line})`);
    super(`${variable}: this server is not safe for money: ${parts.join('; ')}`);
    this.settings = settings;
  }
}

/** @throws JournalUnsafe when there is any wrong setting */
export function refuseUnsafe(variable: string, settings: readonly UnsafeSetting[]): void {
  if (settings.length > 0) throw new JournalUnsafe(variable, settings);
}
