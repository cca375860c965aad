/** What has to be undone at the end, also after a failure or Ctrl-C. */

const interruptedCode = { SIGINT: 130, SIGTERM: 143 } as const;

export class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #running: Promise<void> | undefined;

  /** From now on Ctrl-C and SIGTERM run the steps and end the process. */
  onSignals(): this {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.stderr.write(`\n${signal}: cleaning up\n`);
        void this.run().finally(() => process.exit(interruptedCode[signal]));
      });
    }
    return this;
  }

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /** Runs the steps, last first; one that fails is reported and holds up no other. May be used again after. */
  run(): Promise<void> {
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`clean-up: ${String(error)}\n`);
      }
    }
  }
}
