/** The link association: who may claim. (E7, E8) */
import type { AudienceRequest } from '../../engine/api.ts';
import { idArray } from '../../engine/core/id-list.ts';
import type { AppDeps } from '../deps.ts';
import { answerText, type Answer } from '../answer.ts';
import { assertNever } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { audienceBody } from '../schemas/requests.ts';

/** A batch changes hands once, from SQL to its actor; more turns than this mean something is stuck. */
const turnsMax = 3;

/**
 * Before confirmation the association is SQL, afterwards only the owning actor may change it. A
 * confirmation between the two questions sends us back to the engine.
 */
async function extend(
  { engine, books }: AppDeps,
  requestId: string,
  request: AudienceRequest,
): Promise<Answer> {
  const stored = (answer: { readonly receivers: number; readonly anyone: boolean }): Answer => {
    const { receivers, anyone } = answer;
    return answerText(requestId, 200, JSON.stringify({ receivers, anyone }));
  };
  for (let turn = 0; turn < turnsMax; turn += 1) {
    const byActor = await engine.extendAudience(request);
    switch (byActor.code) {
      case 'extended':
        return stored(byActor);
      case 'batch_not_found':
      case 'not_sender':
      case 'expired':
      // Shares only.
      case 'exhausted':
      case 'audience_full':
        return problem(requestId, byActor.code);
      case 'overloaded':
      case 'unknown':
      case 'quarantined':
        return problem(requestId, byActor.code, byActor);
      case 'not_active':
        break;
      default:
        return assertNever(byActor);
    }
    const { batchId, senderId, channel, receivers, anyone } = request;
    const inBooks = await books.addAudience(batchId, senderId, channel, idArray(receivers), anyone);
    switch (inBooks.code) {
      case 'extended':
        return stored(inBooks);
      case 'batch_not_found':
      case 'not_sender':
      case 'audience_full':
        return problem(requestId, inBooks.code);
      case 'active':
        break;
      default:
        return assertNever(inBooks);
    }
  }
  return problem(requestId, 'unknown', { retryAfterSeconds: 1 });
}

/** `POST /v1/batches/{id}/audience` */
export function audienceRoutes(deps: AppDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/batches/:id/audience',
      tag: 'Batches',
      summary: 'Add receivers, or open the batch to anyone who holds the link (E8)',
      auth: 'user',
      params: { id: fields.batchId },
      pathRefusal: 'batch_not_found',
      atOwner: true,
      body: audienceBody,
      answers: { 200: { description: 'What is stored now.', schema: answers.audienceStored } },
      problems: [
        'batch_not_found',
        'not_sender',
        'expired',
        'audience_full',
        'overloaded',
        'unknown',
        'quarantined',
      ],
      handle({ caller, requestId, path, body }) {
        return extend(deps, requestId, {
          batchId: path.id,
          senderId: caller.userId,
          channel: body.channel,
          receivers: 'receivers' in body ? body.receivers : [],
          anyone: 'anyone' in body,
        });
      },
    }),
  ];
}
