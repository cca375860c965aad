/** Options of `npm run bench`. */
import { parseArgs } from 'node:util';
import type { AudienceSettings } from './audience.ts';
import type { HttpSettings } from './http.ts';
import type { PollsSettings } from './polls.ts';
import type { StreamsSettings } from './streams.ts';

const numbers = {
  seconds: 3,
  rounds: 3,
  'open-rounds': 1,
  connections: 256,
  receivers: 40_000,
  packets: 1_000_000,
  'spread-batches': 10_000,
  window: 5_000,
  streams: 10_000,
  'idle-seconds': 20,
  friends: 100_000,
  members: 5_000,
  accounts: 10_000,
  'poll-seconds': 60,
  trades: 20,
};
const parts = ['engine', 'http', 'million', 'streams', 'audience', 'polls'];
const workloads = ['hot', 'spread', 'losers', 'details', 'lifecycle'];
const targets = ['ours-redis', 'ours-embedded', 'redis-lua', 'pg-row-lock', 'bullmq-per-claim'];
const hotConnections = '256,64,1000';
const fanOut = '1000,4999';
const pollIntervals = '60,5';

const help = `npm run bench -- [options]
  --only LIST            of ${parts.join(', ')}, and of workloads: ${workloads.join(', ')}
  --targets LIST         of ${targets.join(', ')}; the limit always takes part
  --seconds N            of each round, default ${numbers.seconds}
  --rounds N             of each measurement, after a warm-up, default ${numbers.rounds}
  --open-rounds N        of the open loop at half of the capacity, default ${numbers['open-rounds']}; 0: none
  --hot-connections LIST default ${hotConnections}
  --connections N        of the other workloads, default ${numbers.connections}
  --receivers N          tokens in turn, default ${numbers.receivers}
  --packets N            of a hot batch, default ${numbers.packets}
  --spread-batches N     default ${numbers['spread-batches']}
  --window N             engine: claims under way, default ${numbers.window}
  --streams N            held open, default ${numbers.streams}; needs so many open files, and some
  --fan-out LIST         streams a message goes to, default ${fanOut}
  --idle-seconds N       that CPU of idle streams is measured for, default ${numbers['idle-seconds']}
  --friends N            of who shares to all of them, default ${numbers.friends}
  --members N            of the group that is shared to, default ${numbers.members}; not more than friends
  --accounts N           polled by one worker, default ${numbers.accounts}
  --poll-intervals LIST  seconds between polls of an account, default ${pollIntervals}
  --poll-seconds N       that polls are measured for, default ${numbers['poll-seconds']}
  --trades N             that appear each second, default ${numbers.trades}
  --markdown             tables as Markdown`;

export interface Settings extends HttpSettings, StreamsSettings, AudienceSettings, PollsSettings {
  readonly window: number;
  readonly markdown: boolean;
}

/** @throws Error with lines for the user */
export function settingsOf(args: readonly string[]): Settings {
  const lists = ['only', 'targets', 'hot-connections', 'fan-out', 'poll-intervals'];
  const options = Object.fromEntries(
    [...Object.keys(numbers), ...lists].map((name) => [name, { type: 'string' as const }]),
  );
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...options,
      markdown: { type: 'boolean' as const },
      help: { type: 'boolean' as const },
    },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (given['help'] === true) throw new Error(help);
  const number = (name: keyof typeof numbers, min = 1) =>
    integer(name, given[name] ?? numbers[name], min);
  const list = (name: string, known: readonly string[]) => {
    const named = given[name] === undefined ? [] : String(given[name]).split(',');
    const stranger = named.find((one) => !known.includes(one));
    if (stranger === undefined) return named;
    throw new Error(`--${name}: there is no ${stranger}\n${help}`);
  };
  const integers = (name: string, usual: string) =>
    String(given[name] ?? usual)
      .split(',')
      .map((count) => integer(name, count, 1));
  const only = list('only', [...parts, ...workloads]);
  const chosen = workloads.filter((name) => only.includes(name));
  const named = parts.filter((name) => only.includes(name));
  const everything = only.length === 0;
  return {
    parts: everything ? parts : [...named, ...(chosen.length > 0 ? ['http'] : [])],
    workloads: chosen.length > 0 ? chosen : workloads,
    targets: list('targets', targets),
    hotConnections: integers('hot-connections', hotConnections),
    seconds: number('seconds'),
    rounds: number('rounds'),
    openRounds: number('open-rounds', 0),
    connections: number('connections'),
    receivers: number('receivers'),
    packets: number('packets', 2),
    spreadBatches: number('spread-batches'),
    window: number('window'),
    streams: number('streams'),
    fanOut: integers('fan-out', fanOut),
    idleSeconds: number('idle-seconds'),
    friends: number('friends', 2),
    members: number('members', 2),
    accounts: number('accounts'),
    pollIntervals: integers('poll-intervals', pollIntervals),
    pollSeconds: number('poll-seconds'),
    trades: number('trades'),
    markdown: given['markdown'] === true,
  };
}

function integer(name: string, given: string | number | boolean, min: number): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`--${name} must be an integer ≥ ${min}\n${help}`);
}
