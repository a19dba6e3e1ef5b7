import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';

/** Limits on the answers of a server: their size, and its silence before it is given up. */
export interface UpstreamLimits {
  /** Size of an answer that is no stream, and of one event of a stream. */
  readonly maxBodyBytes: number;
  readonly maxEventBytes: number;
  /** Size of a whole stream, names and log-probabilities included. */
  readonly maxStreamBytes: number;
  /** Size of the text of a reply. */
  readonly maxTextBytes: number;
  /** Time until the first byte of an answer, and between two pieces of it. */
  readonly firstByteMs: number;
  readonly silenceMs: number;
  /** A server that cannot be reached is tried again after these pauses. */
  readonly retryMs: readonly number[];
  /** After a failure it is left alone for so long, and twice as long after each further one. */
  readonly restMs: number;
  readonly maxRestMs: number;
}

export const UPSTREAM_LIMITS: UpstreamLimits = {
  maxBodyBytes: 4 * 1024 * 1024,
  maxEventBytes: 256 * 1024,
  maxStreamBytes: 64 * 1024 * 1024,
  maxTextBytes: MAX_RESPONSE_BYTES,
  firstByteMs: 120_000,
  silenceMs: 60_000,
  retryMs: [100, 400, 1600],
  restMs: 250,
  maxRestMs: 30_000,
};
