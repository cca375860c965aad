/** CodeSender over HTTP, as deploy/bank-api.md documents it. (E17 ¶208) */
import { codeAnswerBytesMax, codeTimeoutMs } from '../limits.ts';
import type { CodeSender } from '../ports/code-sender.ts';
import { guard } from './guard.ts';
import type { OutsideServer } from './http-bank.ts';
import { notUnderstood, parsed, sendJson } from './json-client.ts';
import type { OutsideMeter } from './meter.ts';
import { codeTaken } from './wire.ts';

export function httpCodeSender(
  server: OutsideServer,
  meter: OutsideMeter,
  timeoutMs: number = codeTimeoutMs,
): CodeSender {
  const target = { ...server, timeoutMs, answerBytesMax: codeAnswerBytesMax };
  const guarded = guard('code_sender', meter);
  return {
    async send({ id, userId, code, expiresAt }) {
      const body = { id, userId, code, expiresAt: new Date(expiresAt).toISOString() };
      // The same id is the same message, so it may be sent again.
      const asked = await guarded.ask('send', true, async () => {
        const request = { method: 'POST', path: '/messages', idempotencyKey: id, body } as const;
        const reply = await sendJson(target, request);
        if (reply.kind === 'unclear') return reply;
        const isTaken = reply.status < 300 && parsed(codeTaken, reply)?.id === id;
        return isTaken ? { kind: 'answer', value: true } : notUnderstood(reply);
      });
      return asked.kind === 'answer';
    },
  };
}
