import { LinkError } from '@ogong/host/link/link-error';
import { isLate, isOwnDelay } from '@ogong/host/link/verifier-call';
import type { Clock } from '@ogong/host/time/clock';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import type { OpeningAsks } from '../store/replies/opening-store.ts';
import { type CallDeadline, createCallDeadline } from './call-deadline.ts';

/** Number of calls to one party, and the time counted so far. */
export type Asks = Omit<OpeningAsks, 'dueAtMs'>;

export interface PatienceOptions {
  /** Time that a party has, from the first call. */
  readonly windowMs: number;
  /** Pause after the first failed attempt; it doubles each time. */
  readonly retryMs: number;
}

export interface PatienceDependencies {
  /** Clock that runs only while this validator can act. It measures all waits for others. */
  readonly awake: Clock;
  /** Tells whether this validator is connected to the others. If not, it must not blame a silent party. */
  readonly isConnected: () => boolean;
}

/**
 * With fewer attempts than this, a missing answer may be an accident, however much time has passed. An attempt has several messages. If
 * one message in 25 is lost, six attempts in a row fail for two openings in 100,000.
 */
export const LEAST_ASKS = 6;
/** So many answers without the requested data are a refusal. */
const LEAST_REFUSALS = 4;
/** Longest wait for the first answer, as a share of the window; it doubles each time. */
const FIRST_SHARE = 1 / 8;
const FIRST_MS = 15_000;
/**
 * Longest wait for one answer, as a share of the window. A slow transfer may need only one complete answer, so the last
 * attempt gets as much.
 */
const LONGEST_SHARE = 1 / 2;
/** An answer may take so many times the usual time of answers. */
const ROUND_TRIPS_PER_CALL = 4;
const PAUSE_SHARE = 1 / 8;
/** Share of the time that counts if a provider cannot be reached: it may not know that it was asked. */
const UNREACHABLE_WEIGHT = 1 / 2;
/** If answers take long, the window grows to so many times the usual time, within a limit. */
const ROUND_TRIPS = 20;
const MOST_WINDOWS = 8;
/** Parties whose last answer is remembered. One slow party must not lengthen the calls to all others. */
const REMEMBERED = 32;

export type Failure = 'refused' | 'late' | 'unreachable';

/** Decides when a party was asked often and long enough (docs/spec/validator-audits.md, "Lateness"). */
export function createPatience({ windowMs, retryMs }: PatienceOptions, { awake, isConnected }: PatienceDependencies) {
  /** Time to the last successful answer of each party, ms. The time of large data behind it does not count. */
  const roundTrips = new Map<string, number>();

  function noteRoundTrip(party: Uint8Array, tookMs: number): void {
    const name = toHex(party);
    roundTrips.delete(name);
    roundTrips.set(name, tookMs);
    const [oldest] = roundTrips.keys();
    if (roundTrips.size > REMEMBERED) roundTrips.delete(oldest as string);
  }

  /** Returns the usual time of successful answers: the upper quartile, within the limit of the window. */
  function computeUsual(): number {
    const sorted = [...roundTrips.values()].sort((a, b) => a - b);
    const usualMs = sorted[Math.floor((sorted.length - 1) * 0.75)] ?? 0;
    return Math.min(usualMs, (MOST_WINDOWS * windowMs) / ROUND_TRIPS);
  }

  /** Returns the window, or longer if successful answers take long: then not only this party is slow. */
  function computePatience(): number {
    return Math.max(windowMs, ROUND_TRIPS * computeUsual());
  }

  function computeTimeout({ asks, waitedMs, pauseMs }: Asks): number {
    const firstMs = Math.min(windowMs * FIRST_SHARE, FIRST_MS);
    const slowMs = ROUND_TRIPS_PER_CALL * computeUsual();
    const longestMs = Math.max(windowMs * LONGEST_SHARE, slowMs);
    const nextMs = Math.min(longestMs, Math.max(firstMs * 2 ** Math.min(asks, 20), slowMs));
    const isLast = asks + 1 >= LEAST_ASKS && waitedMs + pauseMs + nextMs >= computePatience();
    return Math.ceil(isLast ? longestMs : nextMs);
  }

  function count(before: Asks, { kind, tookMs }: { readonly kind: Failure; readonly tookMs: number }): Asks {
    const weight = kind === 'unreachable' ? UNREACHABLE_WEIGHT : 1;
    const asks = before.asks + 1;
    return {
      asks,
      refusals: before.refusals + (kind === 'refused' ? 1 : 0),
      waitedMs: before.waitedMs + weight * (before.pauseMs + tookMs),
      pauseMs: before.pauseMs,
    };
  }

  return {
    /**
     * Asks once, and measures it. All messages of the call share one deadline.
     * @returns the answer, or the failure with the calls so far.
     */
    async ask<T>(
      before: Asks,
      { party, call }: { readonly party: Uint8Array; readonly call: (deadline: CallDeadline) => Promise<T> },
    ): Promise<{ readonly value: T } | { readonly error: unknown; readonly asks: Asks }> {
      const startMs = awake.nowMs();
      const deadline = createCallDeadline({ awake }, computeTimeout(before));
      try {
        const value = await call(deadline);
        noteRoundTrip(party, Math.min(deadline.answerMs(), deadline.limitMs()));
        return { value };
      } catch (error) {
        const timeoutMs = deadline.limitMs();
        const measured = { kind: classify(error), tookMs: Math.min(awake.nowMs() - startMs, timeoutMs) };
        const isCutOff = measured.kind !== 'refused' && !isConnected();
        const isOwnFault =
          error instanceof OwnFault || isCutOff || isOwnDelay(error, { timeoutMs, tookMs: measured.tookMs });
        const asks = isOwnFault ? before : count(before, measured);
        const limits = { firstMs: retryMs, longestMs: windowMs * PAUSE_SHARE };
        return { error, asks: { ...asks, pauseMs: computeBackoff(limits, { failures: asks.asks }) } };
      }
    },
    /** Tells whether the party was asked often and long enough. */
    isOver: ({ asks, waitedMs }: Asks): boolean => asks >= LEAST_ASKS && waitedMs >= computePatience(),
    /** Tells whether the party answered every time without the requested data. */
    isRefused: ({ refusals }: Asks): boolean => refusals >= LEAST_REFUSALS,
  };
}

/** An answer without the requested data. It counts as a refusal. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** The answer cannot be checked here now. No party is blamed for it. */
export class OwnFault extends Error {
  override readonly name = 'OwnFault';
}

/** The party's address is unknown. */
export class Unannounced extends Error {
  override readonly name = 'Unannounced';
}

/**
 * Classifies a failure. An answer without the requested data is a refusal. All other errors may be the fault of a
 * machine or of the network.
 */
function classify(error: unknown): Failure {
  if (error instanceof NoAnswer) return 'refused';
  if (error instanceof Unannounced) return 'unreachable';
  if (!(error instanceof LinkError)) return 'late';
  if (error.code === 'unreachable' || error.code === 'wrong-certificate') return 'unreachable';
  return isLate(error) ? 'late' : 'refused';
}
