/** Reads what `strace -f -ttt -T -y` writes. */

/** One system call, put together again where strace split it. */
export interface Call {
  readonly pid: number;
  readonly name: string;
  /** The arguments as strace shows them, strings escaped. */
  readonly args: string;
  /** First argument's descriptor, such as `7`; undefined when it has none. */
  readonly fd: string | undefined;
  /** What the descriptor stands for: a path, `socket:[123]`, … */
  readonly target: string;
  /** Undefined when it never returned. */
  readonly result: number | undefined;
  /**
   * Numbers of the lines on which it began and ended. strace is one process and lets a thread go on only after it
   * wrote the line, so what was caused by a call's end stands on a later line: line numbers order better than clocks.
   */
  readonly begin: number;
  readonly end: number;
  /** Seconds since the epoch at its begin. */
  readonly at: number;
  readonly seconds: number;
}

const whole = /^(\d+) +(\d+\.\d+) (\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+).*?(?:<(\d+\.\d+)>)?$/s;
const unfinished = /^(\d+) +(\d+\.\d+) (\w+)\((.*?) *<unfinished \.\.\.>$/s;
const resumed = /^(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$/s;
const descriptor = /^(\d+)<([^>]*)>/;

/** Every call of the trace in the order in which they ended; signals and exits are left out. */
export function readCalls(trace: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<string, { args: string; at: number; begin: number }>();
  for (const [index, line] of trace.split('\n').entries()) {
    const half = unfinished.exec(line);
    if (half !== null) {
      const [, pid, at, , args = ''] = half;
      open.set(`${pid}`, { args, at: Number(at), begin: index });
      continue;
    }
    const rest = resumed.exec(line);
    if (rest === null) {
      const call = parse(line, index, index);
      if (call !== undefined) calls.push(call);
      continue;
    }
    const [, pid, , name, text = ''] = rest;
    const first = open.get(`${pid}`);
    open.delete(`${pid}`);
    // Its begin may lie before we attached.
    if (first === undefined) continue;
    const joined = `${pid} ${first.at.toFixed(6)} ${name}(${first.args}${text}`;
    const call = parse(joined, first.begin, index);
    if (call !== undefined) calls.push(call);
  }
  return calls;
}

function parse(line: string, begin: number, end: number): Call | undefined {
  const match = whole.exec(line);
  if (match === null) return undefined;
  const [, pid, at, name = '', args = '', result, seconds] = match;
  const [, fd, target = ''] = descriptor.exec(args) ?? [];
  return {
    pid: Number(pid),
    name,
    args,
    fd,
    target,
    result: result === '?' ? undefined : Number(result),
    begin,
    end,
    at: Number(at),
    seconds: Number(seconds ?? '0'),
  };
}
