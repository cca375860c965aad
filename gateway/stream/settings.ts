/** The limits of streams together, so that tests and benchmarks can have smaller ones. */
import * as limits from '../../engine/limits.ts';

export interface StreamSettings {
  readonly streamsMax: number;
  readonly userStreamsMax: number;
  readonly pageMax: number;
  readonly readsMax: number;
  readonly writeBytesMax: number;
  readonly slowMs: number;
  readonly heartbeatMs: number;
  readonly tickMs: number;
  readonly sweepMs: number;
  readonly sweepUsersMax: number;
  readonly touchMs: number;
  readonly openTimeoutMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const streamSettings: StreamSettings = {
  streamsMax: limits.streamsMax,
  userStreamsMax: limits.userStreamsMax,
  pageMax: limits.streamPageMax,
  readsMax: limits.streamReadsMax,
  writeBytesMax: limits.streamWriteBytesMax,
  slowMs: limits.streamSlowMs,
  heartbeatMs: limits.streamHeartbeatMs,
  tickMs: limits.streamTickMs,
  sweepMs: limits.streamSweepMs,
  sweepUsersMax: limits.streamSweepUsersMax,
  touchMs: limits.streamTouchMs,
  openTimeoutMs: limits.requestTimeoutMs,
  retryMsMin: limits.streamRetryMsMin,
  retryMsMax: limits.streamRetryMsMax,
};
