/** Result files: one JSON per run under bench/results, which is not committed. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Machine } from './machine.ts';
import { projectRoot } from './server.ts';

/** @returns the file's path inside the project */
export async function writeResult(
  name: string,
  machine: Machine,
  settings: object,
  results: object,
): Promise<string> {
  const folder = join(projectRoot, 'bench', 'results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${machine.date.replaceAll(/[:.]/g, '-')}-${name}.json`);
  await writeFile(file, `${JSON.stringify({ name, machine, settings, results }, undefined, 2)}\n`);
  return relative(projectRoot, file);
}
