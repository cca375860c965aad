/** (a) The pure core: `apply` and the draw of the share, nothing else. */
import { systemRandom } from '../../engine/adapters/random.ts';
import { apply, remainingAmount } from '../../engine/core/batch.ts';
import type { Command } from '../../engine/core/command.ts';
import { drawShare } from '../../engine/core/split.ts';
import { emptyState, type BatchState } from '../../engine/core/state.ts';
import { timed, type Round, type RoundSettings } from './rounds.ts';
import { linkKey } from './store.ts';
import type { Workload } from './workload.ts';

/** Claims between two looks at the clock. */
const stride = 1_000;

export function coreRound(
  workload: Workload,
  receivers: readonly string[],
  settings: RoundSettings,
): Promise<Round> {
  const random = systemRandom();
  const now = Date.now();
  const states: BatchState[] = workload.batches.map((params) => {
    const state = emptyState(params, params.createdAt);
    state.anyone = true;
    return state;
  });
  return timed(() => {
    const until = performance.now() + settings.seconds * 1_000;
    let claims = 0;
    while (claims < workload.claims && performance.now() < until) {
      const end = Math.min(claims + stride, workload.claims);
      for (; claims < end; claims += 1) {
        claimOnce(states[claims % states.length] as BatchState, receivers[claims] as string);
      }
    }
    return claims;
  });

  function claimOnce(state: BatchState, receiverId: string): void {
    const command: Command = { kind: 'claim', receiverId, linkKey, open: true, tag: undefined };
    const share = () =>
      drawShare(remainingAmount(state), state.params.count - state.opened, random);
    const { result } = apply(state, command, { now, position: '', share });
    if (result.code !== 'claimed') throw new Error(`a claim came to ${result.code}`);
  }
}
