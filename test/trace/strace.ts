/** strace on processes that run already. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programOf } from '../setup/program.ts';

/** Tracing is impossible here; the message says why. */
export class NoTrace extends Error {
  override readonly name = 'NoTrace';
}

const calls =
  'fdatasync,fsync,read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg';
/** Enough of every string to find a packet id in an answer and a key in a payload. */
const stringMax = 8_192;
const attachMs = 20_000;

/** Path of strace, installed first where that is possible. @throws NoTrace */
export async function straceProgram(): Promise<string> {
  if (process.platform !== 'linux') throw new NoTrace('strace needs Linux');
  return programOf('strace', { 'apt-get': 'strace', apk: 'strace', dnf: 'strace' }).catch(
    (error: unknown) => {
      throw new NoTrace(error instanceof Error ? error.message : String(error));
    },
  );
}

/**
 * Traces all threads of these processes, and the children they fork, while `work` runs.
 *
 * @throws NoTrace when ptrace is forbidden here
 */
export async function traceWhile(
  pids: readonly number[],
  work: () => Promise<void>,
): Promise<string> {
  const program = await straceProgram();
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-strace-'));
  try {
    const file = join(folder, 'trace');
    await runTracer(program, file, pids, work);
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runTracer(
  program: string,
  file: string,
  pids: readonly number[],
  work: () => Promise<void>,
): Promise<void> {
  const options = ['-f', '-ttt', '-T', '-y', '-s', String(stringMax), '-o', file];
  const targets = pids.flatMap((pid) => ['-p', String(pid)]);
  const tracer = spawn(program, [...options, '-e', `trace=${calls}`, ...targets], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = () => tracer.kill('SIGINT');
  process.once('exit', kill);
  let said = '';
  const attached = Promise.withResolvers<void>();
  tracer.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    if (pids.every((pid) => isSettled(said, pid))) attached.resolve();
  });
  const exited = new Promise<void>((resolve) => {
    tracer.once('exit', () => resolve());
    tracer.once('error', (error) => {
      said += error.message;
      resolve();
    });
  });
  const late = setTimeout(() => attached.reject(new NoTrace(`strace hangs: ${said}`)), attachMs);
  void exited.then(() => attached.reject(new NoTrace(`strace cannot attach here: ${said.trim()}`)));
  try {
    await attached.promise;
    await work();
  } finally {
    clearTimeout(late);
    // Detaches and writes what it has.
    kill();
    await exited;
    process.off('exit', kill);
  }
}

/** Attached, or gone in the meantime, as some of PostgreSQL's children may be. */
function isSettled(said: string, pid: number): boolean {
  if (said.includes(`Process ${pid} attached`)) return true;
  return said
    .split('\n')
    .some((line) => line.includes(`, ${pid})`) && line.includes('No such process'));
}
