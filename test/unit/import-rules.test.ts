import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The linter keeps the module table. Each rule is proved on a small offending file, in a folder
// of its own with the project's real settings.

const root = join(import.meta.dirname, '..', '..');
const imports = 'eslint(no-restricted-imports)';
const globals = 'eslint(no-restricted-globals)';
const properties = 'eslint(no-restricted-properties)';

type Case = { readonly file: string; readonly source: string; readonly rule: string };

const pureFolders = ['engine/core', 'engine/ports', 'engine/shard', 'engine/settle'];
const timelessFolders = ['engine/core', 'engine/shard', 'engine/settle'];
const outsideModules = [
  'pg',
  'bullmq',
  'ioredis',
  'hono',
  'hono/cors',
  'prom-client',
  'pino',
  'node:crypto',
  'node:fs',
  'node:fs/promises',
  'node:net',
  'node:worker_threads',
  'node:timers/promises',
  'fs',
  'anything-new',
];
const timeAndChance: readonly (readonly [expression: string, rule: string])[] = [
  ['Date.now()', properties],
  ['Math.random()', properties],
  ['new Date()', 'house(no-clock-in-date)'],
  ['Date()', 'house(no-clock-in-date)'],
  ['setTimeout(() => undefined, 1)', globals],
  ['setInterval(() => undefined, 1)', globals],
  ['setImmediate(() => undefined)', globals],
  ['globalThis.setTimeout(() => undefined, 1)', globals],
  ['performance.now()', globals],
  ['crypto.randomUUID()', globals],
  ['process.hrtime()', globals],
];

function importing(file: string, specifier: string): Case {
  return {
    file,
    source: `import * as x from '${specifier}';\nexport const y = x;\n`,
    rule: imports,
  };
}

const moduleTable: readonly Case[] = [
  importing('engine/store/a.ts', '../../gateway/app.ts'),
  importing('engine/config-b.ts', '../workers/settle.ts'),
  importing('engine/journal/c.ts', '../../test/setup/redis.ts'),
  importing('gateway/a.ts', '../workers/settle.ts'),
  importing('gateway/routes/b.ts', '../../workers/settle.ts'),
  importing('workers/a.ts', '../gateway/app.ts'),
  ...pureFolders.map((folder) => importing(`${folder}/up.ts`, '../../gateway/app.ts')),
  {
    file: 'engine/store/type.ts',
    source: "import type { A } from '../../gateway/app.ts';\nexport type B = A;\n",
    rule: imports,
  },
  {
    file: 'engine/store/again.ts',
    source: "export { a } from '../../workers/app.ts';\n",
    rule: imports,
  },
];

const pureInside: readonly Case[] = pureFolders.flatMap((folder) => [
  ...outsideModules.map((name) => importing(`${folder}/${name.replaceAll(/\W/g, '-')}.ts`, name)),
  {
    file: `${folder}/type.ts`,
    source: "import type { Pool } from 'pg';\nexport type P = Pool;\n",
    rule: imports,
  },
  {
    file: `${folder}/dynamic.ts`,
    source: "export const x = import('pg');\n",
    rule: 'house(no-dynamic-import)',
  },
]);

const noClock: readonly Case[] = timelessFolders.flatMap((folder) =>
  timeAndChance.map(([expression, rule], index) => ({
    file: `${folder}/time-${index}.ts`,
    source: `export const x = ${expression};\n`,
    rule,
  })),
);

const promises: readonly Case[] = [
  {
    file: 'engine/promise-a.ts',
    source: 'declare const f: () => Promise<void>;\nexport function g() {\n  f();\n}\n',
    rule: 'typescript(no-floating-promises)',
  },
  {
    file: 'gateway/promise-b.ts',
    source: 'declare const f: () => Promise<void>;\n[1].forEach(() => f());\n[1].forEach(f);\n',
    rule: 'typescript(no-misused-promises)',
  },
  {
    file: 'workers/promise-c.ts',
    source: 'declare const f: () => number;\nexport async function g() {\n  await f();\n}\n',
    rule: 'typescript(await-thenable)',
  },
  {
    file: 'gateway/extension.ts',
    source: "export { a } from './app';\n",
    rule: 'house(ts-extension)',
  },
];

const harmless: readonly (readonly [file: string, source: string])[] = [
  [
    'engine/core/fine.ts',
    "import assert from 'node:assert/strict';\nimport { LRUCache } from 'lru-cache';\n" +
      "import { a } from './other.ts';\nimport { b } from '../ports/b.ts';\n" +
      'export const x = [assert, LRUCache, a, b, new Date(0), Math.floor(1)];\n',
  ],
  ['engine/core/other.ts', 'export const a = 1;\n'],
  ['engine/ports/b.ts', 'export const b = (): number => Date.now();\n'],
  ['engine/store/fine.ts', "import { Pool } from 'pg';\nexport const x = [Pool, Date.now()];\n"],
  ['gateway/app.ts', "import { a } from '../engine/core/other.ts';\nexport { a };\n"],
  ['workers/app.ts', "import { a } from '../engine/core/other.ts';\nexport { a };\n"],
  ['test/fine.ts', "import { a } from '../gateway/app.ts';\nexport { a };\n"],
];

type Finding = { readonly code: string; readonly filename: string };
let folder = '';
let findings: readonly Finding[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hongbao-lint-'));
  const write = async (file: string, source: string) => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), source);
  };
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await mkdir(join(folder, 'test', 'lint'), { recursive: true });
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'test/lint/house-rules.js']) {
    await copyFile(join(root, file), join(folder, file));
  }
  await write('package.json', '{ "type": "module" }\n');
  for (const { file, source } of [...moduleTable, ...pureInside, ...noClock, ...promises]) {
    await write(file, source);
  }
  for (const [file, source] of harmless) await write(file, source);
  findings = await lint();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** All at once: a run per file would take minutes. */
function lint(): Promise<readonly Finding[]> {
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const args = [oxlint, '--type-aware', '--format=json'];
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      // Findings make it exit with 1; anything else is no answer.
      if (error !== null && error.code !== 1) reject(new Error(stderr, { cause: error }));
      else resolve((JSON.parse(stdout) as { diagnostics: Finding[] }).diagnostics);
    });
  });
}

function codesIn(file: string): string[] {
  return findings.filter((finding) => finding.filename === file).map(({ code }) => code);
}

describe('engine imports nothing of the others, gateway and workers only engine', () => {
  test.each(moduleTable)('$file', ({ file, rule }) => expect(codesIn(file)).toContain(rule));
});

describe('the inside of the engine imports nothing of the world', () => {
  test.each(pureInside)('$file', ({ file, rule }) => expect(codesIn(file)).toContain(rule));
});

describe('the inside of the engine has no clock, timer or randomness', () => {
  test.each(noClock)('$file: $source', ({ file, rule }) => expect(codesIn(file)).toContain(rule));
});

describe('promises are awaited, imports name the file', () => {
  test.each(promises)('$file', ({ file, rule }) => expect(codesIn(file)).toContain(rule));
});

test('what is allowed passes', () => {
  for (const [file] of harmless) expect([file, codesIn(file)]).toEqual([file, []]);
});
