/** Makes a mutant in a copy of the project and runs the simulator there. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Verdict } from './fixed.ts';
import { applyEdit, type Mutant } from './mutants/patch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copied = ['engine', 'workers', 'test/simulation', 'package.json'];

/** Of a mutant that makes the simulator itself run wild. */
const timeoutMs = 180_000;

/** @param mutant undefined: the engine as it is */
function makeCopy(mutant: Mutant | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'mutant-'));
  for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of mutant?.edits ?? []) {
    const path = join(folder, edit.file);
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit));
  }
  return folder;
}

/** Runs the fixed seeds from `first` on, `count` of them, until one fails. */
export async function judge(
  mutant: Mutant | undefined,
  first: number,
  count: number,
): Promise<Verdict> {
  const folder = makeCopy(mutant);
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['test/simulation/fixed.ts', String(first), String(count)],
      { cwd: folder, timeout: timeoutMs, maxBuffer: 1e8 },
    );
    return JSON.parse(
      stdout.slice(stdout.lastIndexOf('{"needed"') < 0 ? 0 : stdout.lastIndexOf('{"needed"')),
    ) as Verdict;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `work` over `items`, so many at once. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const place = next;
      next += 1;
      results[place] = await work(items[place] as Item);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
