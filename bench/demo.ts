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
import { startServer, type ServerProcess } from './support/server.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

/** A server with the environment's own database and journal, if it names any, else with embedded ones. */
async function ownServer(cleanup: Cleanup): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-demo-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  print('starting a server of its own');
  return startServer({
    cleanup,
    env: {
      DATA_DIR: folder,
      DEV_LOGIN: 'true',
      AUTH_SECRET: randomBytes(32).toString('base64url'),
      AUTH_JWKS_URL: undefined,
      METRICS_PORT: undefined,
    },
  });
}

async function main(settings: DemoSettings): Promise<number> {
  const cleanup = new Cleanup().onSignals();
  try {
    const own = settings.url === undefined ? await ownServer(cleanup) : undefined;
    const url = own?.url ?? settings.url ?? '';
    const alone = own !== undefined && !process.env['DATABASE_URL'];
    print(`campaign on ${url}`);
    const phase = progressOn(process.stdout);
    const problems = await runCampaign(settings, { url, alone, phase, print });
    const code = (await own?.stop()) ?? 0;
    if (code !== 0) throw new Error(`the server ended with exit code ${code}`);
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await cleanup.run();
  }
}

try {
  process.exitCode = await main(demoSettings(process.argv.slice(2), process.env));
} catch (error) {
  // Wrong options, or help.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
