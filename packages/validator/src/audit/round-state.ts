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
import type { AskedStakes } from '../store/candidates.ts';
import type { AttemptRow } from '../store/replies/attempt-store.ts';
import { readReply } from '../store/replies/reply-store.ts';
import { listClosedLists } from '../store/sitting-store.ts';
import type { Contests } from './audit-state.ts';
import type { HoneypotState } from './honeypot-state.ts';

interface RoundOptions {
  /** 20 bytes, of this validator. */
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
  /** Passes while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  /** Of a payee, as last read: chances in the draw. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  readonly askedStakes: () => AskedStakes;
  /** 32 bytes: job ids are made from it, so that nobody else can tell what a job is about. */
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  /** Waits until the next attempt. */
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
  readonly honeypots: HoneypotState;
  readonly contest: Contests;
  /** Told of each call to a verifier. */
  readonly steps: ReplySteps | undefined;
  /** Between two rounds in which witnesses are asked. */
  readonly contestPauseMs: number;
  /** How much longer a sitting may take than its window, for all that it waits for. */
  readonly mostPostponedMs: number;
}

/** What the steps of asking verifiers work on. All that changes is in the store. */
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

/** The lists that the beacons draw from, one for each sitting so far; the last one is empty before it is frozen. */
export function readLists(
  { store }: Pick<RoundState, 'store'>,
  replyId: Uint8Array,
): readonly (readonly EvidenceCandidate[])[] {
  return store.read(() => {
    const candidates = readReply(store, replyId)?.candidates;
    return [...listClosedLists(store, replyId), candidates ? parseCandidates(candidates) : []];
  });
}

/** What the verifier of an attempt was listed with: its room, 0 for a fixed one, and the class that it signed for. */
export function findListed(
  lists: readonly (readonly EvidenceCandidate[])[],
  { verifierId, sitting }: Pick<AttemptRow, 'verifierId' | 'sitting'>,
): Pick<ReportedJob, 'contextSize' | 'endorsedClass'> {
  const listed = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
  return { contextSize: listed?.contextSize ?? 0, endorsedClass: listed?.numericClass };
}

export function isUnfinished(row: AttemptRow): boolean {
  return row.outcome === 'asked' || row.outcome === 'committed' || findContested(row) !== undefined;
}

/** What witnesses still have to ask a verifier for. Nobody else knows of one that the operators agreed on. */
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
