/** A process of the product under a minimal process manager: whatever ends it, it is started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
/** As a process manager waits before it starts something again. */
const restartDelayMs = 100;
/** Longer than the product's own limits for draining and stopping its database. */
const drainMs = 60_000;
const outputMax = 200_000;

export type Environment = Readonly<Record<string, string>>;

/** An end that nobody asked for. */
export interface OwnEnd {
  readonly process: string;
  readonly code: number | null;
  readonly lastLines: string;
}

export class KeptProcess {
  readonly name: string;
  readonly #file: string;
  #env: Environment;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #expected = false;
  #closing = false;
  #output = '';
  #starts = 0;
  #waiting: (() => void)[] = [];
  readonly ownEnds: OwnEnd[] = [];

  constructor(name: string, file: string, env: Environment) {
    this.name = name;
    this.#file = file;
    this.#env = env;
  }

  /** How often it was started; tells one life from the next. */
  get starts(): number {
    return this.#starts;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Everything it has written lately, lives before this one included. */
  get output(): string {
    return this.#output;
  }

  /** The next life has this environment. */
  set env(env: Environment) {
    this.#env = env;
  }

  start(): void {
    if (this.#closing) return;
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [this.#file], {
      cwd: projectFolder,
      env: { PATH, HOME, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own session: Ctrl-C is for the drill, which then ends everything in order.
      detached: true,
    });
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    this.#child = child;
    this.#expected = false;
    this.#starts += 1;
    const collect = (chunk: string) => {
      this.#output = (this.#output + chunk).slice(-outputMax);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        process.off('exit', end);
        this.#child = undefined;
        if (!this.#expected && !this.#closing) {
          const lastLines = this.#output.slice(-2_000);
          this.ownEnds.push({ process: this.name, code, lastLines });
        }
        resolve(code);
        if (!this.#closing) setTimeout(() => this.start(), restartDelayMs);
      });
    });
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when the next life begins, or at once when the given one is over already. */
  async startedAfter(life: number): Promise<void> {
    while (this.#starts <= life && !this.#closing) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** kill -9; resolves when it is gone. False when it was not there to be killed. */
  async kill(): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return false;
    this.#expected = true;
    child.kill('SIGKILL');
    await this.#exited;
    return true;
  }

  /** Stands still for so long. */
  async pause(durationMs: number): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return false;
    child.kill('SIGSTOP');
    await sleep(durationMs);
    child.kill('SIGCONT');
    return true;
  }

  /** SIGTERM; resolves with the exit code, null after a signal's death. It starts again. */
  async drain(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    this.#expected = true;
    // A process may be stopped while it is drained, so it is woken first.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const impatient = setTimeout(() => child.kill('SIGKILL'), drainMs);
    const code = await this.#exited;
    clearTimeout(impatient);
    return code;
  }

  /** The same, for good. */
  async close(): Promise<number | null> {
    this.#closing = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
    return this.drain();
  }
}
