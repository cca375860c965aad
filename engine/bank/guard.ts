/**
 * What stands between us and an outside server: retries where repeating is harmless, and a circuit that stops calling
 * one that is down. An open circuit is one more `unclear`: nothing left, and nothing may be concluded.
 */
import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhenResult,
  retry,
} from 'cockatiel';
import {
  circuitFailuresMax,
  circuitOpenMsMax,
  circuitOpenMsMin,
  outsideAttemptsMax,
  outsideRetryMsMax,
  outsideRetryMsMin,
} from '../limits.ts';
import { type Unclear, unclear } from './json-client.ts';
import type { OutsideMeter } from './meter.ts';

export type Asked<Value> = { readonly kind: 'answer'; readonly value: Value } | Unclear;

export interface Guard {
  /** @param isRepeatable asked again, with growing and random pauses, while it is unclear */
  ask<Value>(
    operation: string,
    isRepeatable: boolean,
    attempt: () => Promise<Asked<Value>>,
  ): Promise<Asked<Value>>;
}

/** @param target a word for metrics: which server */
export function guard(target: string, meter: OutsideMeter): Guard {
  const isUnclear = handleWhenResult((result) => (result as Asked<unknown>).kind === 'unclear');
  // A few orders that the bank does not understand must not hold everybody else's back.
  const isDown = handleWhenResult((result) => {
    const asked = result as Asked<unknown>;
    return asked.kind === 'unclear' && !asked.isAlive;
  });
  const circuit = circuitBreaker(isDown, {
    breaker: new ConsecutiveBreaker(circuitFailuresMax),
    halfOpenAfter: new ExponentialBackoff({
      initialDelay: circuitOpenMsMin,
      maxDelay: circuitOpenMsMax,
    }),
  });
  meter.circuit(target, false);
  circuit.onStateChange((state) => meter.circuit(target, state !== CircuitState.Closed));
  // Its pauses are drawn at random (decorrelated jitter), so that processes do not knock together.
  const again = retry(isUnclear, {
    maxAttempts: outsideAttemptsMax - 1,
    backoff: new ExponentialBackoff({
      initialDelay: outsideRetryMsMin,
      maxDelay: outsideRetryMsMax,
    }),
  });

  const once = async <Value>(
    operation: string,
    attempt: () => Promise<Asked<Value>>,
  ): Promise<Asked<Value>> => {
    try {
      return await circuit.execute(async () => {
        const startedAt = performance.now();
        const asked = await attempt();
        const outcome = asked.kind === 'answer' ? 'answer' : asked.reason;
        meter.called(target, operation, outcome, performance.now() - startedAt);
        return asked;
      });
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      return unclear('circuit_open');
    }
  };

  return {
    ask: (operation, isRepeatable, attempt) =>
      isRepeatable ? again.execute(() => once(operation, attempt)) : once(operation, attempt),
  };
}
