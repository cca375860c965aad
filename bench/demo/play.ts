/** The rush: receivers claim, open and repeat, trespassers try; every answer is written down. */
import type { ApiClient, Answer } from '../support/client.ts';
import { eachOf } from '../support/pool.ts';
import type { Cast, Person } from './fund.ts';
import type { Plan, Script, Step, Trespass } from './plan.ts';
import type { Action, Expectation, Funding, LiveBatch, Told } from './told.ts';

interface Move {
  readonly action: Action;
  readonly expected: Expectation;
}
const claim: Move = { action: 'claim', expected: 'packet' };
const claimAndOpen: Move = { action: 'claim_and_open', expected: 'packet' };
const open: Move = { action: 'open', expected: 'packet' };

/** What each script sends, in order; inner lists are sent at the same time. */
const moves: Readonly<Record<Script, readonly (readonly Move[])[]>> = {
  two_steps: [[claim], [claim], [open], [open]],
  one_step: [[claimAndOpen], [claimAndOpen], [open]],
  claim_then_one_step: [[claim], [claimAndOpen], [claim]],
  all_at_once: [[claimAndOpen, claimAndOpen, claimAndOpen], [open]],
  keeps_closed: [[claim], [claim]],
  open_too_early: [[{ action: 'open', expected: 'not_claimed' }], [claim], [open]],
};

const refusalOf: Readonly<Record<Trespass, Expectation>> = {
  not_listed: 'not_in_audience',
  wrong_key: 'bad_key',
  no_key: 'bad_key',
};

const paths: Readonly<Record<Action, string>> = {
  claim: 'claims',
  claim_and_open: 'claims?open=true',
  open: 'open',
};

/** Requests that the plan sends at most, for the progress bar. */
export function requestsOf(plan: Plan): number {
  let requests = 0;
  for (const step of plan.steps.flat()) {
    requests += step.kind === 'visit' ? moves[step.script].flat().length : 1;
  }
  return requests;
}

/** Plays all receivers, `width` at a time. */
export async function play(
  client: ApiClient,
  plan: Plan,
  cast: Cast,
  funding: Funding,
  width: number,
  onRequests: (count: number) => void,
): Promise<Told[]> {
  const told: Told[] = [];
  const send = async (person: Person, batch: LiveBatch, move: Move, key?: string) => {
    const path = `/v1/batches/${batch.id}/${paths[move.action]}`;
    const body = key === undefined ? undefined : { key };
    const answer = await client.call('POST', path, { token: person.token, body });
    const heard = tell(person.id, batch.id, move, answer);
    told.push(heard);
    onRequests(1);
    return heard;
  };
  await eachOf(plan.steps, width, async (steps, receiver) => {
    const person = cast.receivers[receiver];
    if (person === undefined) throw new Error(`receiver ${receiver} has no token`);
    for (const step of steps) {
      const batch = funding.batches[step.batch];
      if (batch === undefined) throw new Error(`batch ${step.batch} was not made`);
      await playStep(step, receiver, person, batch, send, onRequests);
    }
  });
  return told;
}

type Send = (person: Person, batch: LiveBatch, move: Move, key?: string) => Promise<Told>;

async function playStep(
  step: Step,
  receiver: number,
  person: Person,
  batch: LiveBatch,
  send: Send,
  onSkipped: (count: number) => void,
): Promise<void> {
  if (step.kind === 'trespass') {
    const key = step.how === 'wrong_key' ? wrongKey(batch.key) : undefined;
    await send(person, batch, { action: 'claim', expected: refusalOf[step.how] }, key);
    return;
  }
  const needsKey = !batch.planned.listed.has(receiver);
  const turns = moves[step.script];
  for (const [i, turn] of turns.entries()) {
    const heard = await Promise.all(
      turn.map((move) => {
        const withKey = needsKey && move.action !== 'open';
        return send(person, batch, move, withKey ? batch.key : undefined);
      }),
    );
    // Nobody opens what he was told is gone.
    if (heard.some(({ code }) => code === 'exhausted') && turns[i + 1]?.[0]?.action === 'open') {
      onSkipped(turns.slice(i + 1).flat().length);
      return;
    }
  }
}

function wrongKey(key: string): string {
  const last = key.endsWith('A') ? 'B' : 'A';
  return `${key.slice(0, -1)}${last}`;
}

function tell(receiver: string, batchId: string, move: Move, answer: Answer): Told {
  const { status, body, retries } = answer;
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined);
  const { amount } = body;
  return {
    receiver,
    batchId,
    ...move,
    status,
    code: status < 300 ? undefined : (text('code') ?? `status ${status}`),
    packetId: text('packetId'),
    amount: typeof amount === 'number' ? amount : undefined,
    asset: text('asset'),
    position: text('position'),
    retries,
  };
}
