import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../engine/adapters/clock.ts';
import { fakeBank } from '../../engine/bank/fake.ts';
import { httpBank } from '../../engine/bank/http-bank.ts';
import { silentMeter } from '../../engine/bank/meter.ts';
import { createSandbox, type Sandbox } from '../../workers/sandbox/server.ts';
import type { BankUnderTest } from './bank.contract.ts';

/** Silent answers cost a test this much. */
export const patienceMs = 250;

export interface RunningSandbox extends Sandbox {
  readonly url: string;
}

export async function startSandbox(file?: string, token?: string): Promise<RunningSandbox> {
  const sandbox = createSandbox({ file, token });
  sandbox.server.listen(0, '127.0.0.1');
  await once(sandbox.server, 'listening');
  const { port } = sandbox.server.address() as AddressInfo;
  return { ...sandbox, url: `http://127.0.0.1:${port}` };
}

export async function httpBankUnderTest(): Promise<BankUnderTest> {
  const sandbox = await startSandbox();
  const server = { url: `${sandbox.url}/bank`, token: undefined };
  return { ...sandbox, bank: httpBank(server, silentMeter, patienceMs) };
}

export async function fakeBankUnderTest(): Promise<BankUnderTest> {
  return { ...fakeBank(systemClock), close: () => Promise.resolve() };
}
