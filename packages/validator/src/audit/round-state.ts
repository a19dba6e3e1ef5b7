import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ReportedJob } from '@ogong/protocol/modality/modality';
import { type EvidenceCandidate, parseCandidates } from '@ogong/protocol/verdict/evidence';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { readAnnouncement } from '../store/announcement-store.ts';
import { listClosedLists } from '../store/audit-attempt-store.ts';
import type { RequiredStakes } from '../store/candidates.ts';
import type { AttemptRow } from '../store/replies/attempt-store.ts';
import { readReply } from '../store/replies/reply-store.ts';
import type { Contests } from './audit-state.ts';
import type { HoneypotState } from './honeypot-state.ts';
import type { HeldBlobs } from './replay-blobs.ts';

interface RoundOptions {
  /** Address of this validator, 20 bytes. */
  readonly validator: Uint8Array;
  /** Share of audits that ask two verifiers at the same time, parts per million. */
  readonly pairPpm: number;
  /** Longest wait for one commitment, and for one report. */
  readonly callTimeoutMs: number;
  /** From selection to verdict. */
  readonly windowMs: number;
  readonly fixedVerifier: Peer | undefined;
}

interface RoundDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Clock that runs only while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  /** Returns a payee's stake at the last reading. It gives the chance in the draw. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  readonly requiredStakes: () => RequiredStakes;
  /** Secret of 32 bytes. Job ids follow from it, so nobody else can tell the subject of a job. */
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  /** Waits until the next attempt. */
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
  readonly honeypots: HoneypotState;
  readonly contest: Contests;
  readonly jobBlobs: HeldBlobs;
  /** Media of the requests of jobs. */
  readonly jobMedia: HeldBlobs;
  /** Records each call to a verifier. */
  readonly steps: ReplySteps | undefined;
  /** Pause between two rounds of questions to witnesses. */
  readonly contestPauseMs: number;
  /** Most time that all postponements together may add to the window of an audit attempt. */
  readonly mostPostponedMs: number;
}

/** State of the questions to verifiers. All that changes is in the store. */
export interface RoundState extends RoundOptions, RoundDependencies {}

export function findJobId(
  { crypto, validator }: Pick<RoundState, 'crypto' | 'validator'>,
  replyId: Uint8Array,
  { attempt, nonce }: Pick<AttemptRow, 'attempt' | 'nonce'>,
): Uint8Array {
  return computeJobId(crypto, { validator, replyId, attempt, nonce });
}

/** The verifier's current address, if it still signs with the key that was drawn, for the payee that was drawn. */
export function findAttemptPeer(
  { store, fixedVerifier }: Pick<RoundState, 'store' | 'fixedVerifier'>,
  { verifierId, keyHash, credential }: Pick<AttemptRow, 'verifierId' | 'keyHash' | 'credential'>,
): Peer | undefined {
  if (keyHash === undefined) return fixedVerifier;
  if (credential === undefined) return undefined;
  const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
  return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
}

/**
 * Returns the lists from which the beacons draw, one for each audit attempt so far. The last one is empty before it is
 * fixed.
 */
export function readLists(
  { store }: Pick<RoundState, 'store'>,
  replyId: Uint8Array,
): readonly (readonly EvidenceCandidate[])[] {
  return store.read(() => {
    const candidates = readReply(store, replyId)?.candidates;
    return [...listClosedLists(store, replyId), candidates ? parseCandidates(candidates) : []];
  });
}

/** Returns the context, 0 for a fixed verifier, the class and the part of the model with which a verifier was listed. */
export function findListed(
  lists: readonly (readonly EvidenceCandidate[])[],
  { verifierId, sitting }: Pick<AttemptRow, 'verifierId' | 'sitting'>,
): Pick<ReportedJob, 'contextSize' | 'endorsedClass' | 'segment'> {
  const listed = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
  return { contextSize: listed?.contextSize ?? 0, endorsedClass: listed?.numericClass, segment: listed?.segment };
}

export function isUnfinished(row: AttemptRow): boolean {
  return row.outcome === 'asked' || row.outcome === 'committed' || findContested(row) !== undefined;
}

/**
 * Returns the answer that witnesses still have to ask a verifier for. Only operators that agreed on a fixed verifier
 * know it, so witnesses do not ask for that one.
 */
export function findContested({
  outcome,
  committed,
  opened,
  statements,
  keyHash,
}: AttemptRow): 'commitment' | 'report' | undefined {
  const isSilent = outcome === 'silent' || outcome === 'garbage';
  if (!isSilent || opened !== undefined || statements !== undefined || keyHash === undefined) return undefined;
  return committed === undefined ? 'commitment' : 'report';
}
