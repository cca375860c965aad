/** The alert rules speak of metrics that exist, each has a line in the README, and promtool agrees. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { programOf } from '../setup/program.ts';

const run = promisify(execFile);
const folder = 'deploy/prometheus';
const rules = await readFile(join(folder, 'alerts.yml'), 'utf8');

async function sources(): Promise<string> {
  const texts: string[] = [];
  for (const part of ['engine', 'gateway', 'workers']) {
    const names = await readdir(part, { recursive: true });
    for (const name of names.filter((file) => file.endsWith('.ts')))
      texts.push(await readFile(join(part, name), 'utf8'));
  }
  return texts.join('\n');
}

it('every metric in the rules is made somewhere', async () => {
  const names = new Set(rules.match(/\bhongbao_[a-z_]+/g));
  expect(names.size).toBeGreaterThan(7);
  const code = await sources();
  // Names stand there with the prefix or get it where they are registered.
  const missing = [...names].filter(
    (name) => !code.includes(`'${name}'`) && !code.includes(`'${name.replace('hongbao_', '')}'`),
  );
  expect(missing).toEqual([]);
});

it('every alert is explained in the README', async () => {
  const readme = await readFile('README.md', 'utf8');
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
  expect(alerts.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

it('the rules do what their tests say', { timeout: 180_000 }, async () => {
  const promtool = await programOf('promtool', { 'apt-get': 'prometheus', brew: 'prometheus' });
  const { stdout } = await run(promtool, ['test', 'rules', 'alerts.test.yml'], { cwd: folder });
  expect(stdout).toContain('SUCCESS');
});
