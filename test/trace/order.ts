/**
 * Guards invariant 3 with the kernel as witness: in a system-call trace of a claim, the journal's file was synced
 * before the journal replied to the add, and that before the gateway began to write the answer.
 *
 *   gateway  read   the request          (holds the claim's unique key)
 *   journal  read   the event            (holds the key)
 *   journal  write  to its log file      (AOF: holds the key)
 *   journal  sync   of that file, returned 0
 *   journal  write  the reply            on the connection the event came from
 *   gateway  write  the answer           (holds the packet's id)
 */
import { readCalls, type Call } from './calls.ts';

export interface TracedClaim {
  /** Unique text that stands in the request and in the journal's payload. */
  readonly key: string;
  readonly packetId: string;
}

export interface TracedProcesses {
  readonly gateway: ReadonlySet<number>;
  /** True of the file that the journal's durability rests on. */
  readonly isLog: (path: string) => boolean;
  /** The log holds payloads as plain text, so the write must show the key. */
  readonly plainLog: boolean;
}

/** Calls by the names of the steps above. */
export type Steps = Readonly<Record<StepName, Call>>;
export const stepNames = ['request', 'event', 'logged', 'synced', 'replied', 'answered'] as const;
export type StepName = (typeof stepNames)[number];

export type Verdict =
  | { readonly ok: true; readonly steps: Steps }
  | { readonly ok: false; readonly reason: string };

const reads = new Set(['read', 'recvfrom', 'recvmsg', 'readv']);
const writes = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg']);
const syncs = new Set(['fdatasync', 'fsync']);

export function checkOrder(trace: string, claim: TracedClaim, processes: TracedProcesses): Verdict {
  const { gateway, isLog, plainLog } = processes;
  const calls = readCalls(trace).toSorted((a, b) => a.begin - b.begin);
  const inGateway = ({ pid }: Call) => gateway.has(pid);
  const succeeded = ({ result }: Call) => result !== undefined && result >= 0;
  const no = (reason: string): Verdict => ({ ok: false, reason });

  const request = calls.find(
    (call) =>
      inGateway(call) &&
      reads.has(call.name) &&
      call.args.includes('/claims') &&
      call.args.includes(claim.key),
  );
  if (request === undefined) return no('the request was not seen');

  const packet = `\\"packetId\\":\\"${claim.packetId}\\"`;
  const answered = calls.find(
    (call) =>
      inGateway(call) &&
      writes.has(call.name) &&
      call.fd === request.fd &&
      call.begin > request.end &&
      call.args.includes('HTTP/1.1 20') &&
      call.args.includes(packet),
  );
  if (answered === undefined) return no('the answer was not seen');

  const event = calls.find(
    (call) =>
      !inGateway(call) &&
      reads.has(call.name) &&
      call.begin > request.begin &&
      call.args.includes(claim.key),
  );
  if (event === undefined) return no('the journal was not seen to read the event');
  if (event.end > answered.begin) return no('the journal read the event after the answer');

  const replied = calls.find(
    (call) =>
      call.pid === event.pid &&
      writes.has(call.name) &&
      call.fd === event.fd &&
      call.begin > event.end &&
      succeeded(call),
  );
  if (replied === undefined) return no('the journal was not seen to reply');

  const logWrites = calls.filter(
    (call) =>
      !inGateway(call) &&
      writes.has(call.name) &&
      isLog(call.target) &&
      call.begin > event.end &&
      succeeded(call) &&
      (!plainLog || call.args.includes(claim.key)),
  );
  const [firstWrite] = logWrites;
  if (firstWrite === undefined) return no('the journal was not seen to write its log');

  for (const logged of logWrites) {
    const synced = calls.find(
      (call) =>
        !inGateway(call) &&
        syncs.has(call.name) &&
        call.target === logged.target &&
        call.begin > logged.end &&
        call.result === 0,
    );
    if (synced === undefined) break;
    if (synced.end > replied.begin) continue;
    if (replied.end > answered.begin)
      return no('the answer was written before the journal replied');
    return { ok: true, steps: { request, event, logged, synced, replied, answered } };
  }
  const behind = logWrites.some(({ end }) => end < replied.begin) ? 'synced' : 'written';
  return no(`the log was not ${behind} before the journal replied`);
}
