/** What becomes of withdrawals, as metrics. No id and no amount is ever a label. */
import { Counter, type Registry } from 'prom-client';
import type { PaymentObserver } from '../payment/context.ts';

export function paymentMetrics(registry: Registry): PaymentObserver {
  const withdrawals = new Counter({
    name: 'hongbao_withdrawals_total',
    help: 'Withdrawals that came into this state',
    labelNames: ['status'],
    registers: [registry],
  });
  const codes = new Counter({
    name: 'hongbao_codes_sent_total',
    help: 'Tries to bring a verification code to its user',
    labelNames: ['taken'],
    registers: [registry],
  });
  return {
    became: (status) => withdrawals.inc({ status }),
    codeSent: (taken) => codes.inc({ taken: String(taken) }),
  };
}
