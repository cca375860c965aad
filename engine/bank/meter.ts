/** Calls to outside servers as metrics. Labels are words of ours; no id and no URL is ever one. */
import { Gauge, Histogram, type Registry } from 'prom-client';

export interface OutsideMeter {
  /** `outcome`: `answer`, or why there was none. */
  called(target: string, operation: string, outcome: string, durationMs: number): void;
  circuit(target: string, isOpen: boolean): void;
}

export const silentMeter: OutsideMeter = { called() {}, circuit() {} };

const seconds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

export function outsideMeter(registry: Registry): OutsideMeter {
  const duration = new Histogram({
    name: 'hongbao_outside_call_duration_seconds',
    help: 'Calls to the bank and the sender of codes, by what came of them',
    labelNames: ['target', 'operation', 'outcome'],
    buckets: seconds,
    registers: [registry],
  });
  const circuits = new Gauge({
    name: 'hongbao_outside_circuit_open',
    help: '1 while calls are held back because the server did not answer clearly several times in a row',
    labelNames: ['target'],
    aggregator: 'max',
    registers: [registry],
  });
  return {
    called(target, operation, outcome, durationMs) {
      duration.observe({ target, operation, outcome }, durationMs / 1_000);
    },
    circuit(target, isOpen) {
      circuits.set({ target }, isOpen ? 1 : 0);
    },
  };
}
