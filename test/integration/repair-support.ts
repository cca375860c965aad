/** Runs an operator's command as a process of its own. */
import { launch } from '../setup/server.ts';

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

export async function runTool(
  file: 'repair' | 'adopt-journal' | 'reconcile',
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<Ran> {
  const { exited, output } = launch(`workers/${file}.ts`, env, args);
  const code = await exited;
  return { code, output: output() };
}
