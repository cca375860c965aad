/** The world of one run: journal and database, processes, settle workers, clients, and who should own what. */
import { shardOf } from '../../engine/core/hash.ts';
import { fakeJournal, type FakeJournal } from '../../engine/journal/fake.ts';
import { bindJournal } from '../../engine/journal/open.ts';
import { shardCount } from '../../engine/limits.ts';
import { parseJobId } from '../../engine/ports/journal.ts';
import type { Timer } from '../../engine/ports/clock.ts';
import { silentObserver, type Observer } from '../../engine/ports/observer.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { startSettleWorker } from '../../workers/settle.ts';
import { Adds } from './adds.ts';
import { Auditor } from './auditor/auditor.ts';
import { Noticed, Violation } from './auditor/history.ts';
import { Clients } from './client.ts';
import { Dice } from './dice.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import { machineJournal, machineStore } from './ports.ts';
import { Process } from './process.ts';
import type { Setting } from './setting.ts';
import type { Thread } from './thread.ts';
import type { Trace } from './trace.ts';
import { drive, VirtualClock } from './virtual-clock.ts';

/** As often as leases beat. */
const assignMs = 300;
/** What an asynchronous commit would have to wait for. */
const syncMs = 400;

export class World {
  readonly setting: Setting;
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly journal: FakeJournal;
  readonly store: FakeStore;
  readonly auditor: Auditor;
  readonly clients: Clients;
  readonly addFaults: Adds;
  readonly processes: Process[] = [];
  readonly workers: Machine[] = [];
  /** Index of the process that should serve a shard. */
  readonly desired = new Map<number, number>();
  readonly counts = { takenOver: 0, lost: 0, ended: 0, dropped: 0, settled: 0 };
  readonly trace: (text: () => string) => void;
  readonly later: (delayMs: number, run: () => void) => Timer;
  /** Jobs told durable that a roll-back took away, until their owner has added them again. */
  readonly rolledBack = new Set<string>();
  /** Commands on their way that end the owner they reach. */
  readonly nonsense = new Set<object>();
  readonly #threadOf = new Map<number, Thread>();
  readonly #endedNumbers = new Set<number>();
  /** Every job that was ever in the journal, in the order kept. */
  readonly everKept: string[] = [];
  /** No faults any more. */
  calm = false;
  readonly #incarnations = new Map<number, number>();
  #gapsAllowed = false;
  failure: Error | undefined;

  constructor(setting: Setting, trace: Trace) {
    this.setting = setting;
    this.clock = new VirtualClock(setting.startMs);
    const { clock } = this;
    this.later = (delayMs, run) => clock.after(delayMs, run);
    this.trace = (text) => trace.line(clock.monotonic() - setting.startMs, text);
    this.network = new Network(clock, new Dice(setting.seed, 'network'), setting.ways);
    this.addFaults = new Adds(setting, () => this.rolledBack.size > 0);
    const counts = setting.workload.batches.map(({ params }) => [params.id, params.count] as const);
    this.auditor = new Auditor(this.addFaults.poisoned, new Map(counts));
    this.journal = fakeJournal({
      clock,
      random: new Dice(setting.seed, 'journal'),
      drawWayMs: this.network.wayMs,
      onKept: (id, payload) => {
        this.rolledBack.delete(id);
        this.everKept.push(id);
        this.trace(() => `kept ${id}: ${payload}`);
        this.auditor.durable.kept(id, payload);
      },
    });
    this.store = new FakeStore({ synchronousCommit: true, onCommit: () => this.#committed() });
    this.clients = new Clients(this, new Dice(setting.seed, 'clients'));
    if (setting.faults.run.has('reorder-delivery')) this.journal.controls.shuffleDelivery();
  }

  /** Batches, the journal's binding, processes and workers; resolves when the clock may run on. */
  async start(): Promise<void> {
    const { workload, processes, workers, allShards } = this.setting;
    let bound = false;
    const binding = bindJournal(this.store, this.journal.journal).then(() => {
      bound = true;
    });
    await drive(() => {
      this.clock.fire();
      return !bound;
    });
    await binding;
    for (const { params, confirmAtMs } of workload.batches) {
      this.store.addBatch(params, confirmAtMs === 0);
      if (confirmAtMs === 0) this.auditor.confirmed(params.id);
      else this.later(confirmAtMs, () => this.#confirm(params.id));
    }
    const used = workload.batches.map(({ params }) => shardOf(params.id));
    const shards = allShards
      ? Array.from({ length: shardCount }, (_, shard) => shard)
      : [...new Set([...used, shardOf('999999'), 1, 2])];
    const dice = new Dice(this.setting.seed, 'shards');
    const spread = dice.chance(0.5);
    for (const shard of shards) this.desired.set(shard, spread ? dice.below(processes) : 0);
    for (let index = 0; index < processes; index += 1) this.startProcess(index);
    for (let index = 0; index < workers; index += 1) this.startWorker(index);
    this.#assignAgain();
    this.#syncAgain();
    for (const operation of workload.operations)
      this.later(operation.atMs, () => this.clients.start(operation));
  }

  #confirm(batchId: string): void {
    this.store.confirm(batchId);
    this.auditor.confirmed(batchId);
    this.trace(() => `confirmed ${batchId}`);
  }

  startProcess(index: number): void {
    const incarnation = (this.#incarnations.get(index) ?? 0) + 1;
    this.#incarnations.set(index, incarnation);
    this.processes[index] = new Process(this, index, incarnation, this.desiredOf(index));
  }

  startWorker(index: number): void {
    const machine = new Machine(`worker ${index}`, this.clock, { offsetMs: 0 });
    this.workers[index] = machine;
    const ports = { machine, network: this.network, later: this.later };
    startSettleWorker({
      journal: machineJournal(ports, this.journal.open(), this.addFaults),
      store: machineStore(ports, this.store, () => undefined),
      clock: machine.clock,
      observer: this.observer(undefined),
      burstBytes: this.setting.burstBytes,
    }).catch(() => {
      this.later(100, () => {
        if (this.workers[index] === machine) this.startWorker(index);
      });
    });
  }

  desiredOf(index: number): number[] {
    return [...this.desired].flatMap(([shard, wanted]) => (wanted === index ? [shard] : []));
  }

  #assignAgain(): void {
    for (const process of this.processes)
      if (
        process.alive &&
        this.clock.monotonic() >= process.deafUntil &&
        this.rolledBack.size === 0
      )
        process.assign(this.desiredOf(process.index));
    this.later(assignMs, () => this.#assignAgain());
  }

  #syncAgain(): void {
    this.store.sync();
    this.later(syncMs, () => this.#syncAgain());
  }

  #committed(): void {
    this.counts.settled += 1;
    this.trace(() => 'commit');
    for (const id of this.rolledBack) if (this.isSettled(id)) this.rolledBack.delete(id);
    this.guard(() => this.auditor.ledger.check(this.store.committed));
  }

  /** Runs a check; a violation ends the run. */
  guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(JSON.stringify(error));
  }

  newNumber(number: number, thread: Thread): void {
    this.#threadOf.set(number, thread);
    this.trace(() => `owner ${number} is ${thread.machine.name}`);
  }

  isSettled(id: string): boolean {
    const job = parseJobId(id);
    const settled = this.store.committed.owners.get(String(job?.number))?.settled ?? 0;
    return (job?.seq ?? 0) <= settled;
  }

  /** Whether the owner that sent this job still has its payload in memory. */
  isHeldByOwner(job: string): boolean {
    const number = parseJobId(job)?.number ?? 0;
    const thread = this.#threadOf.get(number);
    return thread?.machine.state === 'up' && !this.#endedNumbers.has(number);
  }

  /** From now on a missing job is what was done to the journal. */
  allowGaps(): void {
    this.#gapsAllowed = true;
  }

  observer(thread: Thread | undefined): Observer {
    const { faults } = this.setting;
    return {
      ...silentObserver,
      takenOver: () => {
        this.counts.takenOver += 1;
      },
      lost: () => {
        this.counts.lost += 1;
      },
      dropped: (events) => {
        this.counts.dropped += events;
      },
      alarm: (what, detail) => {
        this.trace(() => `alarm ${what}: ${detail}`);
        if (this.#gapsAllowed && what === 'journal_gap') return;
        if (this.#gapsAllowed && what === 'told_events_lost') {
          this.fail(new Noticed(detail));
          return;
        }
        this.fail(new Violation(`alarm ${what}: ${detail}`));
      },
      quarantined: (batchId, version, reason) => {
        this.trace(() => `quarantined ${batchId} ${version}: ${reason}`);
        if (!this.auditor.poisoned.has(batchId))
          this.fail(new Violation(`quarantine without poison: ${batchId} ${version} ${reason}`));
      },
      ownerEnded: (reason) => {
        this.counts.ended += 1;
        for (const [number, holder] of this.#threadOf)
          if (holder === thread) this.#endedNumbers.add(number);
        this.trace(() => `owner ended in ${thread?.machine.name}: ${reason.slice(0, 80)}`);
        const refused = reason.startsWith('payload refused') && faults.adds.has('add-refused');
        const thrown = reason.includes('"nonsense"');
        if (!refused && !thrown) this.fail(new Violation(`an owner ended: ${reason}`));
      },
      log: (level, message, detail) => {
        if (level !== 'debug')
          this.trace(
            () => `${thread?.machine.name ?? 'worker'} ${message} ${JSON.stringify(detail ?? {})}`,
          );
      },
    };
  }
}
