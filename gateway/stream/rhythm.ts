/**
 * One timer for all streams; none while there are none. Each tick looks at every stream, which costs well under a
 * millisecond for ten thousand, and sends heartbeats to a part of them, so that they do not go out all at once.
 */
import type { Clock, Timer } from '../../engine/ports/clock.ts';
import type { StreamClient } from './client.ts';
import type { StreamSettings } from './settings.ts';

export interface RhythmDeps {
  readonly clock: Clock;
  readonly clients: ReadonlySet<StreamClient>;
  readonly settings: StreamSettings;
  /** Lost words are to be found. */
  readonly sweep: () => void;
  /** Users with streams are to be kept as listeners. */
  readonly touch: () => void;
}

export class Rhythm {
  readonly #deps: RhythmDeps;
  readonly #slots: number;
  #slot = 0;
  #tick = 0;
  #timer: Timer | undefined;

  constructor(deps: RhythmDeps) {
    this.#deps = deps;
    const { heartbeatMs, tickMs } = deps.settings;
    this.#slots = Math.max(1, Math.round(heartbeatMs / tickMs));
  }

  /** Which part of the streams the next one belongs to. */
  nextSlot(): number {
    this.#slot = (this.#slot + 1) % this.#slots;
    return this.#slot;
  }

  /** There is a stream. */
  start(): void {
    this.#timer ??= this.#deps.clock.after(this.#deps.settings.tickMs, () => this.#onTick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #onTick(): void {
    this.#timer = undefined;
    const { clock, clients, settings, sweep, touch } = this.#deps;
    const { tickMs, slowMs, sweepMs, touchMs } = settings;
    const now = clock.now();
    const slot = this.#tick % this.#slots;
    for (const client of clients) {
      if (client.expiresAt <= now) client.end();
      else if (client.slot === slot) client.beat();
      else client.checkSlow(slowMs / tickMs);
    }
    this.#tick += 1;
    if (this.#tick % Math.ceil(sweepMs / tickMs) === 0) sweep();
    if (this.#tick % Math.ceil(touchMs / tickMs) === 0) touch();
    if (clients.size > 0) this.start();
  }
}
