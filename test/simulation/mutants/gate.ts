/** Mutants of what may leave, and when (invariants 2, 3). */
import type { Mutant } from './patch.ts';

const gate = 'engine/shard/gate.ts';
const flusher = 'engine/shard/flusher.ts';
const owner = 'engine/shard/owner.ts';

export const gateMutants: readonly Mutant[] = [
  {
    name: 'release before the add replied',
    rule: 'Release: a result waits for the flush that holds its event.',
    edits: [
      {
        file: flusher,
        find: '    if (!(await added)) return;\n    this.#durable = job.seq;',
        replace:
          '    this.#deps.onDurable(job.seq);\n    if (!(await added)) return;\n    this.#durable = job.seq;',
      },
    ],
  },
  {
    name: 'ownership read sent before the reply',
    rule: "Release: after a read of ownership that began after that flush's add had replied.",
    edits: [
      {
        file: gate,
        find: '  readonly #waiting = new Map<number, Waiting[]>();',
        replace: `  readonly #waiting = new Map<number, Waiting[]>();
  readonly #early = new Map<number, Promise<Ownership | undefined>>();`,
      },
      {
        file: gate,
        find: '    if (bucket === undefined) this.#waiting.set(seq, [waiting]);',
        replace: `    if (bucket === undefined) this.#early.set(seq, this.#deps.readOwnership().catch(() => undefined));
    if (bucket === undefined) this.#waiting.set(seq, [waiting]);`,
      },
      {
        file: gate,
        find: '    this.#ready.push(...bucket);\n    this.#read();',
        replace: `    void this.#early.get(seq)?.then((ownership) => {
      const verdict = ownership === undefined ? undefined : this.#deps.judge(ownership);
      const lost = verdict?.kind === 'release' ? verdict.lost : new Set(bucket.map(({ shard }) => shard));
      this.#release(bucket, lost);
    });`,
      },
    ],
  },
  {
    name: 'refusals and reads released without an ownership read',
    rule: 'Release: a refusal or read waits for a read of ownership too.',
    edits: [
      {
        file: gate,
        find: '      this.#ready.push(waiting);\n      this.#read();',
        replace: '      this.#answer(waiting, outcome, waiting.since);',
      },
    ],
  },
  {
    name: 'ownership not looked at',
    rule: 'Release: only shards still mine.',
    edits: [
      {
        file: owner,
        find: 'if (!sameJournal || ownership.owners[shard] !== this.number) lost.add(shard);',
        replace: 'if (!sameJournal) lost.add(shard);',
      },
    ],
  },
  {
    name: "a result released with an earlier flush than its event's",
    rule: 'Release: a result waits for the flush that holds its event, not for one before.',
    edits: [
      {
        file: owner,
        find: 'this.#gate.wait(actor.newest, request,',
        replace: 'this.#gate.wait(actor.newest - 1, request,',
      },
    ],
  },
  {
    name: "a refusal released before its actor's newest event",
    rule: "Release: without an event, a result waits for the flush of its actor's newest one.",
    edits: [
      {
        file: owner,
        find: 'this.#gate.wait(actor.newest, request,',
        replace: 'this.#gate.wait(event === undefined ? 0 : actor.newest, request,',
      },
    ],
  },
  {
    name: 'an ended owner tells what it decided',
    rule: 'Owner: when it ends, waiting requests get 503.',
    edits: [
      {
        file: gate,
        find: 'for (const entry of all) this.#answer(entry, unknown, now);',
        replace: 'for (const entry of all) this.#answer(entry, entry.outcome, now);',
      },
    ],
  },
  {
    name: 'a retried add merged with newer events',
    rule: 'Flush: payload frozen at the first send; an unknown outcome is repeated with the same payload.',
    edits: [
      {
        file: flusher,
        find: '        await sleep(clock, delayMs);\n',
        replace: `        await sleep(clock, delayMs);
        for (const newer of this.#open) {
          if (newer.texts.length > 0) payload += ';' + newer.texts.join(';');
          this.#unsettledEvents -= newer.texts.length;
          newer.texts = [];
          newer.shardOf = [];
        }
`,
      },
      // The merged events' own job is still sent, empty, so that those who wait for it are told.
      {
        file: flusher,
        find: 'const ready = (this.#open[0]?.texts.length ?? 0) > 0 || this.#open.length > 1;',
        replace: 'const ready = this.#open.length > 0;',
      },
    ],
  },
  {
    name: 'a throwing actor reloaded under the same number',
    rule: 'Owner: a throwing actor ends it; a new owner with a new number takes its shards.',
    edits: [
      {
        file: owner,
        find: '    request.reply(unknown);\n    this.end(\n      `actor threw:',
        replace:
          '    request.reply(unknown);\n    this.#residents.drop(request.batchId);\n    String(\n      `actor threw:',
      },
    ],
  },
  {
    name: 'evict before settled',
    rule: "Evict only when the actor's last event is settled.",
    edits: [
      {
        file: 'engine/shard/residents.ts',
        find: 'if (this.#unsettled.has(actor.batchId)) return;',
        replace: 'return;',
      },
    ],
  },
  {
    name: 'a younger request answered by an older load',
    rule: 'Single writer: "not active" answers only requests older than the load that said so.',
    edits: [
      {
        file: 'engine/shard/loader.ts',
        find: 'else running.younger.push(request);',
        replace: 'else running.older.push(request);',
      },
    ],
  },
  {
    name: 'an actor whose clock goes back',
    rule: "Time: an actor's now = max(clock, time of its last event).",
    edits: [
      {
        file: 'engine/shard/actor.ts',
        find: 'Math.max(now, this.state.lastEventAt)',
        replace: 'now',
      },
    ],
  },
  {
    name: 'pages that wait for nobody',
    rule: 'Reads: pages wait until what the node acknowledged is settled.',
    edits: [
      {
        file: 'engine/threads/acknowledged.ts',
        find: "return needs.length === 0 ? 'settled' :",
        replace: "return needs.length >= 0 ? 'settled' :",
      },
    ],
  },
];
