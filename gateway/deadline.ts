/** No request waits for ever: after the deadline its outcome is unknown, and repeating it is safe (invariant 7). */
import { requestTimeoutMs } from '../engine/limits.ts';
import type { Answer } from './answer.ts';
import { problem } from './problems.ts';
import { type Log, loggable } from './log.ts';

/** The answer, or 503 `unknown` after limits.requestTimeoutMs; what becomes of the work later is nobody's answer. */
export function inTime(
  requestId: string,
  log: Log,
  answer: Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  if (!(answer instanceof Promise)) return answer;
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      resolve(problem(requestId, 'unknown', { retryAfterSeconds: 1 }));
    }, requestTimeoutMs);
    answer.then(
      (response) => {
        clearTimeout(timer);
        resolve(response);
      },
      (error: Error) => {
        clearTimeout(timer);
        if (late)
          log.error({ requestId, ...loggable(error) }, 'a request failed after its deadline');
        else reject(error);
      },
    );
  });
}
