/**
 * `npm run demo`: a small real campaign over HTTP that ends with the audit; exit code 0 only when everything adds up.
 * Uses the server at DEMO_URL (it needs DEV_LOGIN), else starts one of its own in a temporary folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCampaign } from './demo/campaign.ts';
import { progressOn } from './demo/progress.ts';
import { demoSettings, type DemoSettings } from './demo/settings.ts';
import { Cleanup } from './support/cleanup.ts';
import { startServer } from './support/server.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

/** A server with the environment's own database and journal, if it names any, else with embedded ones. */
async function ownServer(cleanup: Cleanup, problems: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-demo-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  print('starting a server of its own');
  const server = await startServer({
    env: {
      DATA_DIR: folder,
      DEV_LOGIN: 'true',
      AUTH_SECRET: randomBytes(32).toString('base64url'),
      AUTH_JWKS_URL: undefined,
      METRICS_PORT: undefined,
    },
  });
  cleanup.add(async () => {
    const code = await server.stop();
    if (code !== 0) problems.push(`the server ended with exit code ${code}`);
  });
  return server.url;
}

async function main(settings: DemoSettings): Promise<number> {
  const problems: string[] = [];
  const cleanup = new Cleanup().onSignals();
  try {
    const url = settings.url ?? (await ownServer(cleanup, problems));
    const alone = settings.url === undefined && !process.env['DATABASE_URL'];
    print(`campaign on ${url}`);
    const phase = progressOn(process.stdout);
    problems.push(...(await runCampaign(settings, { url, alone, phase, print })));
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    const before = problems.length;
    await cleanup.run();
    for (const problem of problems.slice(before)) process.stderr.write(`demo: ${problem}\n`);
    if (problems.length > before) process.exitCode = 1;
  }
}

let settings: DemoSettings | undefined;
try {
  settings = demoSettings(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
if (settings !== undefined) {
  const code = await main(settings);
  process.exitCode ??= code;
}
