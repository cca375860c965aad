/** Commands to one active batch and what they can come to. Ordered refusals stand in batch.ts. */
import type { Ids } from './id-list.ts';
import type { Channel, IdempotencyTag } from './types.ts';

/** (E11, ¶136–143) */
export interface ClaimCommand {
  readonly kind: 'claim';
  readonly receiverId: string;
  readonly linkKey: string | undefined;
  readonly open: boolean;
  readonly tag: IdempotencyTag | undefined;
}

/** (E13, ¶148–155) */
export interface OpenCommand {
  readonly kind: 'open';
  readonly receiverId: string;
  readonly packetId: string | undefined;
}

/** (E8, ¶121–127) */
export interface AudienceCommand {
  readonly kind: 'audience';
  readonly senderId: string;
  readonly channel: Channel;
  readonly receivers: Ids;
  readonly anyone: boolean;
  /** A share: nobody is sent to a batch whose packets are all claimed. */
  readonly unlessExhausted?: boolean | undefined;
}

/** The sweep's wake-up call; refused with `not_due` when it is early. */
export interface ExpireCommand {
  readonly kind: 'expire';
}

/** Everything an active batch can be asked. */
export type Command = ClaimCommand | OpenCommand | AudienceCommand | ExpireCommand;

/** What the core may not fetch for itself. */
export interface Inputs {
  /** max(clock, time of the newest event), ms. */
  readonly now: number;
  /** The next share, drawn ahead (E15); called at most once. */
  share(): number;
  /** Journal job that will carry the event. */
  readonly position: string;
}

/** What a command came to; `plain` ones carry nothing but their code. */
export type Result =
  | { readonly code: 'claimed'; readonly packet: number }
  | { readonly code: 'repeated'; readonly packet: number }
  /** The answer once given under this idempotency key, again. */
  | {
      readonly code: 'replayed';
      readonly packet: number;
      readonly position: string;
      readonly opened: boolean;
    }
  | { readonly code: 'opened'; readonly packet: number; readonly repeated: boolean }
  | { readonly code: 'extended'; readonly receivers: number; readonly anyone: boolean }
  | {
      readonly plain: true;
      readonly code:
        | 'idempotency_key_reused'
        | 'idempotency_key_required'
        | 'expired'
        | 'not_in_audience'
        | 'bad_key'
        | 'exhausted'
        | 'not_claimed'
        | 'not_sender'
        | 'audience_full'
        | 'not_due';
    };
