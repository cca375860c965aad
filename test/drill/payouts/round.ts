/** One round: users ask for money while the bank misbehaves, and workers and bank are killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultInput } from '../../../engine/bank/faults.ts';
import type { Books } from '../../../engine/books/types.ts';
import type { Payments } from '../../../engine/payment/port.ts';
import type { Dice } from '../dice.ts';
import { patienceMs } from './settings.ts';
import type { PayoutSystem } from './system.ts';
import { askForMoney, keepLooking, type Told, type Wish } from './users.ts';

export interface Players {
  readonly books: Books;
  readonly payments: Payments;
  /** Grows while they play. */
  readonly told: Told[];
  /** Users who look what became of it. */
  readonly looking: Promise<void>[];
  readonly isOver: () => boolean;
}

/** By the drill, at any moment, or the bank when it has paid and before it answers. */
export interface PayoutKills {
  workers: number;
  bank: number;
  bankAfterPaying: number;
}

export async function playRound(
  system: PayoutSystem,
  { books, payments, told, looking, isOver }: Players,
  wishes: readonly Wish[],
  dice: Dice,
  kills: PayoutKills,
): Promise<void> {
  await system.setFaults(drawFaults(dice));
  const asking = wishes.map(async (wish) => {
    await sleep(dice.between(0, 800));
    const one = await askForMoney(books, payments, wish);
    told.push(one);
    looking.push(keepLooking(payments, wish.userId, one, isOver));
  });
  const striking = system.workers.slice(1).map(async (worker) => {
    await sleep(dice.between(100, 1_200));
    if (dice.chance(50) && (await worker.kill())) kills.workers += 1;
  });
  if (dice.chance(60)) striking.push(strikeBank(system, dice, kills));
  await Promise.all([...asking, ...striking]);
  await sleep(dice.between(200, 1_000));
}

async function strikeBank(system: PayoutSystem, dice: Dice, kills: PayoutKills): Promise<void> {
  if (dice.chance(50)) {
    await sleep(dice.between(0, 600));
    if (await system.bank.kill()) kills.bank += 1;
  } else {
    // Whatever it pays now, it tells nobody; with the first payment it is gone.
    await system.setFaults([{ kind: 'silent_after' }]);
    const before = system.lines().length;
    for (let turn = 0; turn < 400 && system.lines().length === before; turn += 1) await sleep(5);
    const hasPaid = system.lines().length > before;
    if ((await system.bank.kill()) && hasPaid) kills.bankAfterPaying += 1;
  }
  await system.setFaults(drawFaults(dice));
}

/** Most calls go well; each kind of fault strikes some. */
function drawFaults(dice: Dice): FaultInput[] {
  const percent = () => dice.between(3, 12);
  const delayMs = dice.between(50, 500);
  const orders = [
    'slow',
    'refuse',
    'refuse_late',
    'late',
    'error_before',
    'error_after',
    'silent_before',
    'silent_after',
    'twice',
    'stale',
  ] as const;
  const queries = ['slow', 'error_after', 'silent_after', 'malformed', 'twice', 'stale'] as const;
  const variant = dice.pick([
    'html',
    'truncated',
    'other_id',
    'new_status',
    'new_refusal',
  ] as const);
  return [
    ...orders.map((kind): FaultInput => ({ kind, percent: percent(), delayMs })),
    { kind: 'malformed', variant, percent: percent() },
    // For longer than we wait: so it is asked about while the bank does not know it.
    { kind: 'forgotten', percent: 2 * percent(), delayMs: dice.between(3, 6) * patienceMs },
    ...queries.map((kind): FaultInput => ({ kind, on: 'query', percent: percent(), delayMs })),
  ];
}
