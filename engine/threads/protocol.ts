/** Messages between the gateway's thread and shard threads. Requests and outcomes travel together; see wire.ts. */
import type { OutsideSettings } from '../bank/settings.ts';
import type { Command } from '../core/command.ts';
import type { RedisSettings } from '../journal/open.ts';
import type { CardKey } from '../payment/vault.ts';
import type { PlatformConfig } from '../trade-http/config.ts';
import type { Outcome } from '../shard/request.ts';
import type { HostStatus } from '../shard/host.ts';

/** What every thread is started with. */
export interface WorkerData {
  readonly name: string;
  readonly databaseUrl: string;
  readonly redis: RedisSettings | undefined;
  readonly logLevel: string;
}

/** What the workers are started with, as a thread or as a process. */
export interface WorkersData extends WorkerData {
  /** Undefined: no withdrawals. */
  readonly cardKeys: readonly CardKey[] | undefined;
  readonly outside: Pick<OutsideSettings, 'bank' | 'codeSender'>;
  readonly tradePlatforms: readonly PlatformConfig[];
  /** Links of trades begin with it. */
  readonly publicUrl: string;
}

/** What the thread of the development sandbox is started with. */
export interface SandboxData {
  readonly port: number;
  /** Keeps what its bank has done. */
  readonly file: string;
}

/** What a shard thread is started with. */
export interface ThreadData extends WorkerData {
  /** What it should serve at first. */
  readonly shards: readonly number[];
  readonly journalWatermark: number;
  /** Payload bytes this thread keeps until settled. */
  readonly unsettledBytesMax: number;
}

export type RequestItem = readonly [id: number, batchId: string, command: Command];
/** `number` and `seq` name the newest job whose events the outcome may reveal; 0 and 0 for none. */
export type OutcomeItem = readonly [id: number, outcome: Outcome, number: number, seq: number];

export type ToThread =
  /** Serve exactly these shards from now on. */
  | { readonly kind: 'assign'; readonly shards: readonly number[] }
  | {
      readonly kind: 'requests';
      readonly text: string;
      readonly items: readonly RequestItem[];
    }
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'metrics' | 'status' }
  | { readonly kind: 'drain'; readonly timeoutMs: number };

export type FromThread =
  | {
      readonly kind: 'outcomes';
      readonly text: string;
      readonly items: readonly OutcomeItem[];
    }
  | { readonly kind: 'told'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'status'; readonly status: HostStatus }
  /** All shards are served. */
  | { readonly kind: 'serving' }
  /** The thread can never serve, e.g. the journal is another one; the process should end with this line. */
  | { readonly kind: 'hopeless'; readonly reason: string }
  | { readonly kind: 'drained' };
