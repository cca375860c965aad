/**
 * In-memory Engine and Books, honest enough for the HTTP mapping: they keep rights, states and
 * idempotency, and count what was recorded. Money and durability are tested on the real ones.
 */
import type {
  AudienceOutcome,
  AudienceRequest,
  CaughtUp,
  ClaimOutcome,
  ClaimRequest,
  Engine,
  OpenOutcome,
  OpenRequest,
  PacketView,
} from '../../engine/api.ts';
import type {
  AddAudienceResult,
  Audit,
  BatchPage,
  BatchPageResult,
  Books,
  NewBatch,
  OnceResult,
  Tx,
} from '../../engine/books/types.ts';
import { idArray } from '../../engine/core/id-list.ts';
import type { Social } from '../../engine/social/port.ts';
import type { TradeGroups } from '../../engine/trade/port.ts';
import type { TradeIntake } from '../../engine/trade-intake/port.ts';

interface Stored extends NewBatch {
  readonly id: string;
  readonly createdAt: number;
  expiresAt: number | undefined;
  receivers: Set<string>;
  anyone: boolean;
  packets: PacketView[];
}

interface Kept {
  readonly digest: string;
  readonly scope: string;
  readonly status: number;
  readonly body: unknown;
}

const noTx: Tx = { query: () => Promise.reject(new Error('the double has no SQL')) };
const unused = (): never => {
  throw new Error('not needed here');
};

/** Refuses everything: the base server's routes are tested on the real one. */
export const noSocial: Social = new Proxy({} as Social, {
  get: (_target, name) => () =>
    Promise.reject(new Error(`no social here, asked for ${String(name)}`)),
});
export const noTradeIntake: TradeIntake = new Proxy({} as TradeIntake, {
  get: (_target, name) => () =>
    Promise.reject(new Error(`no trades here, asked for ${String(name)}`)),
});

export const noTradeGroups: TradeGroups = new Proxy({} as TradeGroups, {
  get: (_target, name) => () =>
    Promise.reject(new Error(`no trade groups here, asked for ${String(name)}`)),
});

/** One world behind both ports; `forced` outcomes come first, once each. */
export class World {
  now = Date.UTC(2026, 0, 1);
  readonly batches = new Map<string, Stored>();
  readonly balances = new Map<string, number>();
  readonly references = new Map<string, string>();
  readonly kept = new Map<string, Kept>();
  /** Everything that would have been written; "nothing recorded" means this stays empty. */
  readonly recorded: string[] = [];
  readonly waits: object[] = [];
  readonly forced = {
    claim: [] as ClaimOutcome[],
    open: [] as OpenOutcome[],
    extend: [] as AudienceOutcome[],
    addAudience: [] as AddAudienceResult[],
    caughtUp: [] as CaughtUp[],
    once: [] as OnceResult[],
  };
  readonly claims: ClaimRequest[] = [];
  readonly opens: OpenRequest[] = [];
  readonly audiences: AudienceRequest[] = [];
  ready = true;
  pings = true;
  failure: Error | undefined;
  /** What a claim waits for before it is answered. */
  gate: Promise<void> = Promise.resolve();
  audit: Audit = { assets: [], mismatches: 0 };

  balance(userId: string, asset = 'CNY'): number {
    return this.balances.get(`${userId}/${asset}`) ?? 0;
  }

  credit(userId: string, asset: string, amount: number): void {
    this.balances.set(`${userId}/${asset}`, this.balance(userId, asset) + amount);
  }

  private claimNow(batch: Stored, { receiverId, linkKey, open }: ClaimRequest): ClaimOutcome {
    if (batch.expiresAt === undefined) return { code: 'not_active' };
    const before = batch.packets.findIndex((packet) => packet.receiverId === receiverId);
    const opened = open ? { amount: batch.each ?? 1, openedAt: this.now } : {};
    if (before !== -1) {
      const packet = { ...batch.packets[before]!, ...opened };
      batch.packets[before] = packet;
      return { code: 'repeated', packet };
    }
    if (!batch.receivers.has(receiverId)) {
      if (!batch.anyone) return { code: 'not_in_audience' };
      if (linkKey !== batch.linkKey) return { code: 'bad_key' };
    }
    if (batch.packets.length === batch.count) return { code: 'exhausted' };
    const packet: PacketView = {
      batchId: batch.id,
      packetId: `${batch.id}-${batch.packets.length + 1}`,
      receiverId,
      claimedAt: this.now,
      asset: batch.asset,
      amount: undefined,
      openedAt: undefined,
      position: '3-7',
      ...opened,
    };
    batch.packets.push(packet);
    this.recorded.push('claim');
    return { code: 'claimed', packet, replayed: false };
  }

  readonly engine: Engine = {
    holderUrl: () => undefined,
    noteForwarded: () => undefined,
    toldAbout: () => undefined,
    claim: async (request) => {
      this.claims.push(request);
      if (this.failure !== undefined) throw this.failure;
      await this.gate;
      const forced = this.forced.claim.shift();
      if (forced !== undefined) return forced;
      const batch = this.batches.get(request.batchId);
      return batch === undefined ? { code: 'batch_not_found' } : this.claimNow(batch, request);
    },
    open: (request) => {
      this.opens.push(request);
      const forced = this.forced.open.shift();
      if (forced !== undefined) return Promise.resolve(forced);
      const batch = this.batches.get(request.batchId);
      if (batch === undefined) return Promise.resolve({ code: 'batch_not_found' });
      if (batch.expiresAt === undefined) return Promise.resolve({ code: 'not_active' });
      const index = batch.packets.findIndex(
        ({ receiverId, packetId }) =>
          receiverId === request.receiverId && (request.packetId ?? packetId) === packetId,
      );
      const held = batch.packets[index];
      if (held === undefined) return Promise.resolve({ code: 'not_claimed' });
      const packet = { ...held, amount: held.amount ?? 1, openedAt: held.openedAt ?? this.now };
      batch.packets[index] = packet;
      this.recorded.push('open');
      return Promise.resolve({ code: 'opened', packet, repeated: held.amount !== undefined });
    },
    extendAudience: (request) => {
      this.audiences.push(request);
      const forced = this.forced.extend.shift();
      if (forced !== undefined) return Promise.resolve(forced);
      const batch = this.batches.get(request.batchId);
      if (batch === undefined) return Promise.resolve({ code: 'batch_not_found' });
      if (batch.expiresAt === undefined) return Promise.resolve({ code: 'not_active' });
      if (batch.senderId !== request.senderId) return Promise.resolve({ code: 'not_sender' });
      return Promise.resolve({ code: 'extended', ...this.extend(batch, request), position: '3-7' });
    },
    caughtUp: (about) => {
      this.waits.push(about);
      return Promise.resolve(this.forced.caughtUp.shift() ?? 'settled');
    },
    status: () => ({
      ready: this.ready,
      shardsServed: this.ready ? 256 : 12,
      reason: this.ready ? undefined : 'taking shards over',
    }),
    metrics: () => Promise.resolve([]),
    pendingEvents: () => Promise.resolve(4),
    close: () => Promise.resolve(),
  };

  private extend(
    batch: Stored,
    { receivers, anyone }: Pick<AudienceRequest, 'receivers' | 'anyone'>,
  ): { receivers: number; anyone: boolean } {
    for (const receiver of idArray(receivers)) batch.receivers.add(receiver);
    batch.anyone ||= anyone;
    this.recorded.push('audience');
    return { receivers: batch.receivers.size, anyone: batch.anyone };
  }

  private pageOf(id: string, callerId: string, linkKey: string | undefined): BatchPageResult {
    const batch = this.batches.get(id);
    if (batch === undefined) return { code: 'batch_not_found' };
    const isSender = batch.senderId === callerId;
    const holder = batch.packets.some(({ receiverId }) => receiverId === callerId);
    const mayRead =
      isSender || holder || batch.receivers.has(callerId) || linkKey === batch.linkKey;
    if (!mayRead) return { code: 'forbidden' };
    const claimed = batch.packets.length;
    const opened = batch.packets.filter(({ amount }) => amount !== undefined);
    const page: BatchPage = {
      ...batch,
      status: batch.expiresAt === undefined ? 'awaiting_confirmation' : 'active',
      claimed,
      opened: opened.length,
      remaining: batch.count - claimed,
      isSender,
      openedAmount: opened.reduce((sum, { amount }) => sum + (amount ?? 0), 0),
      refundedAmount: 0,
    };
    return { code: 'page', page };
  }

  readonly books: Books = {
    once: async (userId, scope, tag, work) => {
      const forced = this.forced.once.shift();
      if (forced !== undefined) return forced;
      const key = tag === undefined ? undefined : `${userId}/${tag.key}`;
      const before = key === undefined ? undefined : this.kept.get(key);
      if (before !== undefined) {
        if (before.digest !== tag?.digest || before.scope !== scope) {
          return { code: 'idempotency_key_reused' };
        }
        return { code: 'answered', status: before.status, body: before.body, replayed: true };
      }
      const { status, body, keep } = await work(noTx);
      if (key !== undefined && tag !== undefined && keep) {
        this.kept.set(key, { digest: tag.digest, scope, status, body });
      }
      return { code: 'answered', status, body, replayed: false };
    },
    deposit: (_tx, input) => {
      const { userId, asset, amount, reference } = input;
      const content = `${userId}/${asset}/${amount}`;
      const before = this.references.get(reference);
      if (before !== undefined && before !== content) {
        return Promise.resolve({ code: 'reference_reused' });
      }
      if (before === undefined) {
        if (!Number.isSafeInteger(this.balance(userId, asset) + amount)) {
          return Promise.resolve({ code: 'balance_overflow' });
        }
        this.credit(userId, asset, amount);
        this.references.set(reference, content);
        this.recorded.push('deposit');
      }
      const balance = this.balance(userId, asset);
      return Promise.resolve({ code: 'deposited', account: `user:${userId}`, balance });
    },
    batchQuotaUse: (_tx, senderId, most, windowMs) => {
      const since = this.now - windowMs;
      const times = [...this.batches.values()]
        .filter((batch) => batch.senderId === senderId && batch.createdAt > since)
        .map(({ createdAt }) => createdAt)
        .slice(-most);
      return Promise.resolve({
        used: times.length,
        freeInMs: (times[0] ?? this.now) + windowMs - this.now,
      });
    },
    createBatch: (_tx, input) => {
      if (this.failure !== undefined) return Promise.reject(this.failure);
      const id = String(100 + this.batches.size);
      const rest = {
        expiresAt: undefined,
        receivers: new Set<string>(),
        anyone: false,
        packets: [],
      };
      this.batches.set(id, { ...input, id, createdAt: this.now, ...rest });
      this.recorded.push('batch');
      return Promise.resolve({ id, createdAt: this.now });
    },
    confirm: (batchId, senderId) => {
      const batch = this.batches.get(batchId);
      if (batch === undefined) return Promise.resolve({ code: 'batch_not_found' });
      if (batch.senderId !== senderId) return Promise.resolve({ code: 'not_sender' });
      const repeated = batch.expiresAt !== undefined;
      if (!repeated) {
        if (this.now - batch.createdAt > 86_400_000) {
          return Promise.resolve({ code: 'confirmation_expired' });
        }
        if (this.balance(senderId, batch.asset) < batch.total) {
          return Promise.resolve({ code: 'insufficient_funds' });
        }
        this.credit(senderId, batch.asset, -batch.total);
        batch.expiresAt = this.now + batch.expiresInSeconds * 1_000;
        this.recorded.push('confirm');
      }
      const expiresAt = batch.expiresAt ?? this.now;
      const confirmed = { ...batch, expiresAt, confirmedAt: this.now };
      return Promise.resolve({ code: 'confirmed', batch: confirmed, repeated });
    },
    addAudience: (batchId, senderId, _channel, receivers, anyone) => {
      const forced = this.forced.addAudience.shift();
      if (forced !== undefined) return Promise.resolve(forced);
      const batch = this.batches.get(batchId);
      if (batch === undefined) return Promise.resolve({ code: 'batch_not_found' });
      if (batch.senderId !== senderId) return Promise.resolve({ code: 'not_sender' });
      if (batch.expiresAt !== undefined) return Promise.resolve({ code: 'active' });
      return Promise.resolve({ code: 'extended', ...this.extend(batch, { receivers, anyone }) });
    },
    batchPage: (id, callerId, linkKey) => Promise.resolve(this.pageOf(id, callerId, linkKey)),
    claimsPage: (id, callerId, linkKey, cursor) => {
      const result = this.pageOf(id, callerId, linkKey);
      if (result.code !== 'page') return Promise.resolve(result);
      if (cursor !== undefined && cursor !== 'c1') return Promise.resolve({ code: 'bad_cursor' });
      const items = (this.batches.get(id)?.packets ?? []).map((packet) => ({
        ...packet,
        best: packet.amount !== undefined,
      }));
      return Promise.resolve({
        code: 'page',
        items,
        next: cursor === undefined ? 'c1' : undefined,
      });
    },
    accounts: (userId) =>
      Promise.resolve(
        [...this.balances]
          .filter(([key]) => key.startsWith(`${userId}/`))
          .map(([key, balance]) => ({ asset: key.split('/')[1]!, balance, held: 0 })),
      ),
    entries: (userId, asset, cursor) => {
      if (cursor !== undefined) return Promise.resolve({ code: 'bad_cursor' });
      const booked = {
        id: '9',
        at: this.now,
        amount: -500,
        kind: 'funding',
        counterpart: 'escrow:100',
        batchId: '100',
        senderId: 'anna',
        withdrawalId: undefined,
        card: undefined,
        reference: undefined,
        balanceAfter: 500,
      } as const;
      const items = this.balances.has(`${userId}/${asset}`) ? [booked] : [];
      return Promise.resolve({ code: 'page', next: undefined, items });
    },
    sent: (userId, cursor) => {
      if (cursor !== undefined) return Promise.resolve({ code: 'bad_cursor' });
      const items = [...this.batches.keys()].flatMap((id) => {
        const result = this.pageOf(id, userId, undefined);
        return result.code === 'page' && result.page.isSender
          ? [{ ...result.page, batchId: id, best: undefined }]
          : [];
      });
      const totals = [
        { asset: 'CNY', count: items.length, amount: 500, openedAmount: 1, refundedAmount: 0 },
      ];
      return Promise.resolve({ code: 'page', items, totals, next: undefined });
    },
    received: (userId, cursor) => {
      if (cursor !== undefined) return Promise.resolve({ code: 'bad_cursor' });
      const items = [...this.batches.values()].flatMap(({ packets, senderId, greeting, mode }) => {
        const more = { senderId, greeting, mode, batchStatus: 'active' as const, best: false };
        return packets
          .filter(({ receiverId }) => receiverId === userId)
          .map((packet) => ({ ...packet, ...more }));
      });
      const totals = [{ asset: 'CNY', count: items.length, amount: 1 }];
      return Promise.resolve({ code: 'page', items, totals, next: undefined });
    },
    audit: () => Promise.resolve(this.audit),
    auditAlone: unused,
    purge: unused,
    ping: () => Promise.resolve(this.pings),
    close: () => Promise.resolve(),
  };
}
