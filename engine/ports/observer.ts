/** What the engine reports of itself; the default does nothing, production turns it into metrics. */
export interface Observer {
  /** A command was answered: its kind, its result code, and how long the result waited at the gate. */
  answered(command: string, code: string, gateMs: number): void;
  /** One flush became durable. */
  flushed(events: number, bytes: number, durationMs: number): void;
  /** One settle transaction committed. */
  settled(events: number, durationMs: number): void;
  dropped(events: number): void;
  quarantined(batchId: string, version: number, reason: string): void;
  /** Something that must never happen; a person has to look. */
  alarm(what: string, detail: string): void;
  takenOver(shards: number, durationMs: number): void;
  ownerEnded(reason: string): void;
  /** Shards that somebody else has taken meanwhile. */
  lost(shards: number): void;
  overloaded(where: string): void;
  /** A line for the log; `detail` holds no secrets and no amounts of a person. */
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    detail?: Record<string, unknown>,
  ): void;
}

export const silentObserver: Observer = {
  answered() {},
  flushed() {},
  settled() {},
  dropped() {},
  quarantined() {},
  alarm() {},
  takenOver() {},
  ownerEnded() {},
  lost() {},
  overloaded() {},
  log() {},
};
