/**
 * TRADE_PLATFORMS: the third-party platforms an operator has connected, as JSON or as the name of a file that holds
 * it. (T5, c7–c9; ¶80) What may be asked of a member follows from the ways his trades can come: `push` (path A), `poll`
 * (path B), `same` (path C).
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { EnvironmentReader } from '../environment.ts';
import {
  platformRequestsPerSecondDefault,
  platformRequestsPerSecondMax,
  platformsMax,
  pollIntervalSecondsDefault,
  pollIntervalSecondsMax,
  pollIntervalSecondsMin,
} from '../limits.ts';
import { checkLiteral } from './pinned-lookup.ts';

export const platformKinds = ['generic', 'woocommerce'] as const;
/**
 * `push`: the account alone; the platform is told and pushes. `poll`: account and secret; we log in and ask. `same`: the
 * account is the user id in both systems, the platform pushes without being told.
 */
export const tradePaths = ['push', 'poll', 'same'] as const;
export type TradePath = (typeof tradePaths)[number];

const secretLengthMin = 16;
const textLengthMax = 4_096;
const hostPattern = /^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$/;

const platformSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** Shown to members; default: the name. */
  title: z.string().min(1).max(64).optional(),
  kind: z.enum(platformKinds),
  /** Base of the platform's API; for WooCommerce, of the shop. */
  url: z.string().max(textLengthMax),
  /** Hosts that links of trades may lead to; default: the host of `url`. */
  linkHosts: z.array(z.string().regex(hostPattern)).min(1).max(32).optional(),
  paths: z.array(z.enum(tradePaths)).min(1).default(['poll']),
  /** Signs pushes; needed for the paths `push` and `same`. */
  webhookSecret: z.string().min(secretLengthMin).max(textLengthMax).optional(),
  /** Ours, for telling the platform whose trades to push. WooCommerce: `ck_…:cs_…`, with the right to write. */
  token: z.string().min(secretLengthMin).max(textLengthMax).optional(),
  pollIntervalSeconds: z
    .int()
    .min(pollIntervalSecondsMin)
    .max(pollIntervalSecondsMax)
    .default(pollIntervalSecondsDefault),
  /** Polls begun, over all workers. */
  requestsPerSecond: z
    .int()
    .min(1)
    .max(platformRequestsPerSecondMax)
    .default(platformRequestsPerSecondDefault),
  /** Allows plain HTTP and private addresses. Never for a platform that is real. */
  sandbox: z.boolean().default(false),
});

export type PlatformConfig = Omit<z.output<typeof platformSchema>, 'title' | 'linkHosts'> & {
  readonly title: string;
  readonly linkHosts: readonly string[];
};

const variable = 'TRADE_PLATFORMS';

/**
 * Of workers and gateway alike. @throws ConfigError that names the platform and the field, and shows no value
 */
export function readTradePlatforms(read: EnvironmentReader): readonly PlatformConfig[] {
  const text = read.text(variable);
  if (text === undefined) return [];
  const parsed = z.array(platformSchema).max(platformsMax).safeParse(jsonOf(read, text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const place = issue?.path.join('.') ?? '';
    throw read.error(
      variable,
      `is wrong at ${place === '' ? 'its top' : place}: ${issue?.message}`,
    );
  }
  const names = new Set<string>();
  const secrets = new Set<string>();
  return parsed.data.map((given) => {
    const wrong = (problem: string) => read.error(variable, `of ${given.name} ${problem}`);
    if (names.has(given.name)) throw wrong('is there twice');
    names.add(given.name);
    // A signature names no platform: with one secret for two, each could push for the other.
    if (given.webhookSecret !== undefined && !given.sandbox) {
      if (secrets.has(given.webhookSecret)) throw wrong('has the webhookSecret of another one');
      secrets.add(given.webhookSecret);
    }
    const url = URL.canParse(given.url) ? new URL(given.url) : undefined;
    const protocols = given.sandbox ? ['https:', 'http:'] : ['https:'];
    if (url === undefined || !protocols.includes(url.protocol)) {
      throw wrong(`needs a url that begins with ${protocols.join('// or ')}//`);
    }
    if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
      throw wrong('needs a url without ?, # and user name');
    }
    if (!checkLiteral(url.hostname, given.sandbox)) throw wrong('has a url of a private address');
    const isPushed = given.paths.includes('push') || given.paths.includes('same');
    if (isPushed && given.webhookSecret === undefined) throw wrong('needs a webhookSecret');
    if (given.paths.includes('push') && given.token === undefined) throw wrong('needs a token');
    if (given.kind === 'woocommerce' && given.token?.includes(':') === false) {
      throw wrong('needs a token of the form key:secret');
    }
    return {
      ...given,
      title: given.title ?? given.name,
      url: url.href.replace(/\/+$/, ''),
      linkHosts: given.linkHosts ?? [url.hostname],
    };
  });
}

function jsonOf(read: EnvironmentReader, text: string): unknown {
  const isJson = text.startsWith('[');
  let json = text;
  if (!isJson) {
    try {
      json = readFileSync(text, 'utf8');
    } catch {
      throw read.error(variable, 'must be a JSON array or the name of a file that can be read');
    }
  }
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw read.error(variable, isJson ? 'is no valid JSON' : 'names a file without valid JSON');
  }
}
