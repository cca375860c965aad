/** Progress of a phase: a bar on a terminal, plain lines elsewhere. */
import { type SingleBar, SingleBar as Bar, Presets } from 'cli-progress';

export interface Phase {
  step(count?: number): void;
  /** Ends the phase at 100 %. */
  done(): void;
}

export type StartPhase = (name: string, total: number) => Phase;

const nameWidth = 22;
/** Plain lines of one phase. */
const linesMax = 4;

export function progressOn(stream: NodeJS.WriteStream): StartPhase {
  return stream.isTTY ? barOn(stream) : linesOn(stream);
}

function barOn(stream: NodeJS.WriteStream): StartPhase {
  return (name, total) => {
    const format = `${name.padEnd(nameWidth)} {bar} {percentage}% | {value}/{total} | {duration_formatted}`;
    const bar: SingleBar = new Bar(
      { format, stream, hideCursor: true, clearOnComplete: false },
      Presets.shades_classic,
    );
    bar.start(total, 0);
    return {
      step: (count = 1) => bar.increment(count),
      done() {
        bar.update(total);
        bar.stop();
      },
    };
  };
}

function linesOn(stream: NodeJS.WritableStream): StartPhase {
  return (name, total) => {
    const startedAt = performance.now();
    let value = 0;
    let lines = 0;
    return {
      step(count = 1) {
        value += count;
        const due = Math.floor((value / total) * linesMax);
        if (due <= lines || value >= total) return;
        lines = due;
        stream.write(`${name.padEnd(nameWidth)} ${Math.floor((value / total) * 100)} %\n`);
      },
      done() {
        const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
        stream.write(`${name.padEnd(nameWidth)} done: ${total} in ${seconds} s\n`);
      },
    };
  };
}
