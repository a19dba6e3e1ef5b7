import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { StoredClaim } from '@ogong/protocol/verdict/claim';
import { closeHoneypot, type HoneypotRow } from '../store/honeypot-store.ts';
import { findReply, type ReplyRow, toClaim } from '../store/reply-store.ts';
import { recordVerifier, type VerifierEvent } from '../store/verifier-store.ts';
import { computeCallTimeout, type VerifierCalls } from './verifier-call.ts';

export interface HoneypotOptions {
  /** 20 bytes, of this validator. */
  readonly validator: Uint8Array;
  /** Honeypots per audit, parts per million. */
  readonly honeypotPpm: number;
  readonly callTimeoutMs: number;
  /** The delay from selection to the first call, computed from an id. */
  readonly computeDelay: (id: Uint8Array) => number;
  /** How long a honeypot may take. */
  readonly windowMs: number;
}

export interface HoneypotDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Passes while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

/** The state that the steps of a honeypot work on. Everything that changes is in the store. */
export interface HoneypotState extends HoneypotOptions, HoneypotDependencies {}

/** How a honeypot ends that nobody answered. An answer ends with the verdict of its reply, whose entry says what it was. */
type HoneypotEnd = 'garbage' | 'silent' | 'dropped';

const EVENTS: Readonly<Partial<Record<HoneypotEnd, VerifierEvent>>> = { garbage: 'garbage', silent: 'silent' };

export const openHoneypotState = (options: HoneypotOptions, dependencies: HoneypotDependencies): HoneypotState => ({
  ...options,
  ...dependencies,
});

/** Of the reply that the honeypot was made of. */
export function readHoneypotClaim({ store }: Pick<HoneypotState, 'store'>, { replyId }: HoneypotRow): StoredClaim {
  return toClaim(findReply({ store }, replyId) as ReplyRow);
}

/** The same timeout as a real job's. */
export function computeJobTimeout(
  { callTimeoutMs, windowMs }: Pick<HoneypotState, 'callTimeoutMs' | 'windowMs'>,
  { shapeClasses }: Pick<HoneypotRow, 'shapeClasses'>,
): number {
  return computeCallTimeout(shapeClasses, { callTimeoutMs, mostMs: Math.ceil(windowMs / 3) });
}

/** Ends a honeypot once, and counts against the verifier what it did not do. The audit does not wait for it any more. */
export async function finishHoneypot(
  state: HoneypotState,
  row: HoneypotRow,
  outcome: HoneypotEnd,
  error?: unknown,
): Promise<void> {
  const { clock, group, signal, onError } = state;
  if (signal.aborted) return;
  if (error !== undefined) onError(error, row.replyId);
  const nowMs = clock.nowMs();
  await group.write((db) => {
    if (!closeHoneypot(db, row, { outcome, nowMs })) return;
    const event = EVENTS[outcome];
    const why = { nowMs, deferMs: computeJobTimeout(state, row), reason: outcome };
    if (event) recordVerifier(db, row.verifierId, event, why);
  });
}
