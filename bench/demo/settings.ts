/** How large the campaign is and where it runs. */
import { parseArgs } from 'node:util';

export interface DemoSettings {
  /** A running server with the development login; undefined: one of our own. */
  readonly url: string | undefined;
  readonly senders: number;
  readonly batches: number;
  readonly receivers: number;
  /** Batches that each receiver visits. */
  readonly visits: number;
  /** Receivers under way at a time. */
  readonly width: number;
  /** Makes the same campaign again; amounts stay the server's secret. */
  readonly seed: number;
}

const defaults = { senders: 20, batches: 200, receivers: 2_000, visits: 3, width: 256, seed: 1 };

const help = `npm run demo -- [options]
  --url URL        a running server with DEV_LOGIN (default: DEMO_URL, else a server of its own)
  --senders N      default ${defaults.senders}
  --batches N      default ${defaults.batches}
  --receivers N    default ${defaults.receivers}
  --visits N       batches that each receiver claims from, default ${defaults.visits}
  --width N        receivers under way at a time, default ${defaults.width}
  --seed N         of the plan (who claims where), default ${defaults.seed}`;

/** @throws Error with a line for the user; help is such a line too */
export function demoSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DemoSettings {
  const options = Object.fromEntries(
    [...Object.keys(defaults), 'url'].map((name) => [name, { type: 'string' as const }]),
  );
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean' as const } },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (given['help'] === true) throw new Error(help);
  const count = (name: keyof typeof defaults) => {
    const value = Number(given[name] ?? defaults[name]);
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw new Error(`--${name} must be a positive integer\n${help}`);
  };
  const url = given['url'] ?? env['DEMO_URL'];
  return {
    url: typeof url === 'string' && url !== '' ? url.replace(/\/+$/, '') : undefined,
    senders: count('senders'),
    batches: count('batches'),
    receivers: count('receivers'),
    visits: Math.min(count('visits'), count('batches')),
    width: count('width'),
    seed: count('seed'),
  };
}
