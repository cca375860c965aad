/** The wait before reads: what was acknowledged is in the books first (DESIGN "Reads"). */
import type { Engine } from '../engine/api.ts';
import type { Answer } from './answer.ts';
import { assertNever } from './http.ts';
import { invalidField, problem } from './problems.ts';

/** Undefined once settled, else the answer: 503 after 5 s, 400 for a position nobody gave out. */
export async function unsettled(
  engine: Pick<Engine, 'caughtUp'>,
  requestId: string,
  about: {
    readonly userId?: string;
    readonly batchId?: string;
    readonly after?: string | undefined;
  },
): Promise<Answer | undefined> {
  const outcome = await engine.caughtUp(about);
  switch (outcome) {
    case 'settled':
      return undefined;
    case 'timeout':
      return problem(requestId, 'not_settled_yet', { retryAfterSeconds: 1 });
    case 'unknown_position':
      return invalidField(requestId, 'after', 'is not a position');
    default:
      return assertNever(outcome);
  }
}
