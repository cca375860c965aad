/** One campaign from tokens to verdict against a running server. */
import { randomBytes } from 'node:crypto';
import { ApiClient } from '../support/client.ts';
import { check } from './checks.ts';
import { collect } from './collect.ts';
import { enlist, fund } from './fund.ts';
import { makePlan } from './plan.ts';
import { play, requestsOf } from './play.ts';
import type { StartPhase } from './progress.ts';
import { summary, verdict } from './report.ts';
import type { DemoSettings } from './settings.ts';
import type { Books, Funding, Told } from './told.ts';

export interface Stage {
  readonly url: string;
  /** Nobody else uses the server. */
  readonly alone: boolean;
  readonly phase: StartPhase;
  print(text: string): void;
  /** A seam for tests: sees what is about to be checked. */
  inspect?(told: readonly Told[], funding: Funding, books: Books): void;
}

/** @returns what does not add up; empty when everything does */
export async function runCampaign(settings: DemoSettings, stage: Stage): Promise<string[]> {
  const startedAt = performance.now();
  const client = new ApiClient(stage.url, settings.width);
  try {
    // Users and references of their own, so that a campaign can be played twice on one server.
    const run = `demo-${randomBytes(4).toString('hex')}`;
    const plan = makePlan(settings);

    const people = 1 + settings.senders + settings.receivers;
    const enlisting = stage.phase('tokens', people);
    const cast = await enlist(client, run, settings, () => enlisting.step());
    enlisting.done();

    const funding = stage.phase('batches funded', settings.batches);
    const funded = await fund(client, plan, cast, () => funding.step());
    funding.done();

    const playing = stage.phase('claims and opens', requestsOf(plan));
    const playedFrom = performance.now();
    const { width } = settings;
    const told = await play(client, plan, cast, funded, width, (count) => playing.step(count));
    const playedMs = performance.now() - playedFrom;
    playing.done();

    const reading = stage.phase('read back', people - 1 + settings.batches);
    const books = await collect(client, cast, funded, told, () => reading.step());
    reading.done();

    stage.inspect?.(told, funded, books);
    const problems = check(told, funded, books, stage.alone);
    const totalMs = performance.now() - startedAt;
    stage.print(
      `\n${summary(told, funded, books, { playedMs, totalMs, repeats: client.repeats })}`,
    );
    stage.print(`\n${verdict(problems)}`);
    return problems;
  } finally {
    client.close();
  }
}
