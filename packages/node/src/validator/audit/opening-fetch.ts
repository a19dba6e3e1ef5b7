import { LinkError } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import type { RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { hashPlace, readAnnouncement } from '../store/announcement-store.ts';
import { keepAsks, type OpeningAsks, readAsks } from '../store/opening-store.ts';
import { keepOpening } from '../store/reply-store.ts';
import { isLate, isOwnDelay, type VerifierCallOptions } from './verifier-call.ts';

export interface OpeningFetchOptions {
  /** How long a provider has for an opening, from when it is first asked. */
  readonly windowMs: number;
  /** Pause after the first failed attempt; it doubles each time. */
  readonly retryMs: number;
}

export interface OpeningFetchDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Runs only while this validator can act. Waits for others are measured by this clock. */
  readonly awake: Clock;
  /** Whether this validator is connected to the others. If not, it must not blame a provider that does not answer. */
  readonly isConnected: () => boolean;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

export type AskedOpening =
  | { readonly outcome: 'opened'; readonly opened: OpenedReply }
  /** Asked again later. */
  | { readonly outcome: 'waiting' }
  /** Refused or late: nobody else has heard which. */
  | { readonly outcome: 'withheld'; readonly detail: string }
  /** The provider no longer has to keep it, and was not asked often enough while it had to. */
  | { readonly outcome: 'unasked'; readonly detail: string };

/** With fewer attempts than this, a missing opening may be an accident, however much time has passed. */
export const LEAST_ASKS = 4;
/** Longest wait for the first answer, as a share of the window; it doubles each time. */
const FIRST_SHARE = 1 / 8;
const FIRST_MS = 15_000;
/**
 * Longest wait for one answer, as a share of the window: a slow transfer may need only one complete answer. The last attempt
 * gets as much.
 */
const LONGEST_SHARE = 1 / 2;
/** An answer may take so many times what answers usually take now. */
const ROUND_TRIPS_PER_CALL = 4;
const PAUSE_SHARE = 1 / 8;
/** A provider that cannot be reached may not know that it was asked, so this counts less. */
const UNREACHABLE_WEIGHT = 1 / 2;
/** If openings take long, the window grows to so many times what they take, within a limit. */
const ROUND_TRIPS = 20;
const MOST_WINDOWS = 8;
const REMEMBERED = 32;

type Answer =
  | { readonly kind: 'opened'; readonly opened: OpenedReply; readonly provider: Announcement }
  | { readonly kind: 'refused' | 'late' | 'unreachable'; readonly error: unknown };

/**
 * Asks for one opening, once. Between two attempts the audit gives its place to others. This counts what makes an opening
 * withheld: the time that the provider had, and how often it was asked.
 */
export function createOpeningFetch(options: OpeningFetchOptions, dependencies: OpeningFetchDependencies) {
  const { windowMs, retryMs } = options;
  const { crypto, clock, awake, isConnected, store, group, getOpening, signal, onError } = dependencies;
  const roundTrips: number[] = [];

  async function ask({ replyId, providerId, expiresAtMs }: NamedOrder, record: RecordV2): Promise<AskedOpening> {
    const before = store.read(() => readAsks(store, replyId));
    const timeoutMs = computeTimeout(before);
    const startMs = awake.nowMs();
    const answer = await call(replyId, providerId, record, timeoutMs);
    const tookMs = Math.min(awake.nowMs() - startMs, timeoutMs);
    if (signal.aborted) return { outcome: 'waiting' };
    if (answer.kind === 'opened') {
      remember(tookMs);
      const { opened, provider } = answer;
      const found = { openedAt: hashPlace(crypto, provider), deadlineMs: clock.nowMs() + windowMs };
      await group.write((db) => keepOpening(db, replyId, opened.bytes, found));
      return { outcome: 'opened', opened };
    }
    onError(answer.error, replyId);
    if (clock.nowMs() > Number(expiresAtMs) + OPENING_KEPT_MS) {
      const detail = `asked ${before.asks} times while it had to be kept`;
      return { outcome: 'unasked', detail };
    }
    const isCutOff = answer.kind !== 'refused' && !isConnected();
    const isOwnFault = isCutOff || isOwnDelay(answer.error, { timeoutMs, tookMs });
    const after = isOwnFault ? before : count(before, answer.kind, tookMs);
    const patienceMs = computePatience();
    if (after.asks >= LEAST_ASKS && after.waitedMs >= patienceMs) {
      const detail = `asked ${after.asks} times in ${Math.round(after.waitedMs)} ms, answered ${after.refusals} times without it`;
      return { outcome: 'withheld', detail };
    }
    const pauseMs = computeBackoff({ firstMs: retryMs, longestMs: windowMs * PAUSE_SHARE }, { failures: after.asks });
    await group.write((db) => keepAsks(db, replyId, { ...after, pauseMs, dueAtMs: clock.nowMs() + pauseMs }));
    return { outcome: 'waiting' };
  }

  function computeTimeout({ asks, waitedMs, pauseMs }: OpeningAsks): number {
    const firstMs = Math.min(windowMs * FIRST_SHARE, FIRST_MS);
    const slowMs = ROUND_TRIPS_PER_CALL * computeUsual();
    const longestMs = Math.max(windowMs * LONGEST_SHARE, slowMs);
    const nextMs = Math.min(longestMs, Math.max(firstMs * 2 ** Math.min(asks, 20), slowMs));
    const isLast = asks + 1 >= LEAST_ASKS && waitedMs + pauseMs + nextMs >= computePatience();
    return Math.ceil(isLast ? longestMs : nextMs);
  }

  async function call(
    replyId: Uint8Array,
    providerId: Uint8Array,
    record: RecordV2,
    timeoutMs: number,
  ): Promise<Answer> {
    const provider = store.read(() => readAnnouncement(store, providerId));
    if (provider === undefined)
      return { kind: 'unreachable', error: new Error(`${toHex(providerId)} is not announced`) };
    try {
      const bytes = await getOpening(provider, replyId, { timeoutMs, signal });
      const opened = openReply(crypto, record, bytes);
      if (opened !== undefined && opened.outcome !== 'nothing') return { kind: 'opened', opened, provider };
      return { kind: 'refused', error: new Error('what came does not open the commitment') };
    } catch (error) {
      return { kind: classify(error), error };
    }
  }

  function count(before: OpeningAsks, kind: 'refused' | 'late' | 'unreachable', tookMs: number): OpeningAsks {
    const weight = kind === 'unreachable' ? UNREACHABLE_WEIGHT : 1;
    return {
      ...before,
      asks: before.asks + 1,
      refusals: before.refusals + (kind === 'refused' ? 1 : 0),
      waitedMs: before.waitedMs + weight * (before.pauseMs + tookMs),
    };
  }

  function remember(tookMs: number): void {
    roundTrips.push(tookMs);
    if (roundTrips.length > REMEMBERED) roundTrips.shift();
  }

  /** How long successful openings of all providers take now: the upper quartile. */
  function computeUsual(): number {
    const sorted = roundTrips.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.75)] ?? 0;
  }

  /** The window, or longer if successful openings take long: then not this one provider is slow. */
  function computePatience(): number {
    return Math.max(windowMs, Math.min(ROUND_TRIPS * computeUsual(), MOST_WINDOWS * windowMs));
  }

  return { ask };
}

/** An answer without the opening is a refusal. Everything else may be the fault of a machine or of the network. */
function classify(error: unknown): 'refused' | 'late' | 'unreachable' {
  if (!(error instanceof LinkError)) return 'late';
  if (error.code === 'unreachable' || error.code === 'wrong-certificate') return 'unreachable';
  return isLate(error) ? 'late' : 'refused';
}
