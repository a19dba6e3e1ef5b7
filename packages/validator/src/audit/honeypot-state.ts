import { computeCallTimeout, createScoreJob, type VerifierCalls } from '@ogong/host/link/verifier-call';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeVrfOutput } from '@ogong/protocol/crypto/vrf';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { countPasses } from '@ogong/protocol/modality/text/stage2/text-claim';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { describePlanted, type HoneypotKey } from '@ogong/protocol/verdict/honeypot/honeypot';
import { toHoneypotNonce } from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import type { ReportSubject } from '@ogong/protocol/verdict/report-check';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { giveUpHoneypot, type HoneypotRow } from '../store/honeypot-store.ts';
import { findReply, toClaim } from '../store/replies/reply-store.ts';
import { recordVerifier } from '../store/verifier-store.ts';
import type { Contests } from './audit-state.ts';
import { readLists } from './round-state.ts';

export interface HoneypotOptions {
  /** Address of this validator, 20 bytes. */
  readonly validator: Uint8Array;
  /** Honeypots per audit, parts per million. */
  readonly honeypotPpm: number;
  readonly callTimeoutMs: number;
  /** The delay from selection to the first call, computed from an id. */
  readonly computeDelay: (id: Uint8Array) => number;
  /** Time limit of a honeypot. */
  readonly windowMs: number;
  /** Pause between two rounds of questions to witnesses. */
  readonly contestPauseMs: number;
}

/** This validator's VRF. */
export interface OwnVrf {
  /** @returns 80 bytes. */
  readonly prove: (input: Uint8Array) => Uint8Array;
  /** Returns its key if it was a validator of that epoch. Undefined if the validators of that epoch are unknown. */
  readonly findKey: (epoch: bigint) => Promise<{ readonly vrfKey: HoneypotKey } | undefined>;
}

export interface HoneypotDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Clock that runs only while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  readonly contest: Contests;
  readonly vrf: OwnVrf;
  readonly signal: AbortSignal;
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

/** The state that the steps of a honeypot work on. Everything that changes is in the store. */
export interface HoneypotState extends HoneypotOptions, HoneypotDependencies {}

export const openHoneypotState = (options: HoneypotOptions, dependencies: HoneypotDependencies): HoneypotState => ({
  ...options,
  ...dependencies,
});

/** Job of its verifier, and data to read the answer. */
export interface HoneypotJob {
  readonly message: ScoreJobMessage;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  readonly subject: ReportSubject;
  /** The same as a real job's. */
  readonly timeoutMs: number;
}

/** @returns undefined if the audit has ended without it. */
export function describeHoneypot(state: HoneypotState, row: HoneypotRow): HoneypotJob | undefined {
  const { validator, crypto } = state;
  const { id, outputTokens, listSizes, shapeClasses, tailDraws } = row;
  const reply = findReply(state, row.replyId);
  const { submission, opening } = reply ?? {};
  const listed = findListedCandidate(state, row);
  if (reply === undefined || submission === undefined || opening === undefined || listed === undefined)
    return undefined;
  const { header, record } = toClaim(reply);
  const output = computeVrfOutput(row.proof);
  // Only text replies become honeypots.
  if (!isTextHeader(header) || output === undefined) return undefined;
  const nonce = toHoneypotNonce(output);
  const jobId = computeJobId(crypto, { validator, replyId: id, attempt: 0, nonce });
  const { request, endpoint } = submission;
  const { inputs, subject } = describePlanted(crypto, {
    ...{ endpoint, modelRoot: record.modelRoot, blind: parseOpening(opening).blind, header },
    ...{ outputTokens, listSizes, shapeClasses, tailDraws, endorsedClass: listed.numericClass },
    requestHash: hashRequest(crypto, endpoint, request),
  });
  const timeoutMs = computeJobTimeout(state, row);
  return { message: createScoreJob({ jobId, request, timeoutMs }, inputs), nonce, subject, timeoutMs };
}

/** Returns the candidate as it was listed at the draw. */
function findListedCandidate(state: Pick<HoneypotState, 'store'>, row: HoneypotRow): EvidenceCandidate | undefined {
  return readLists(state, row.replyId)[0]?.find(({ providerId }) => equalBytes(providerId, row.verifierId));
}

function computeJobTimeout(
  { callTimeoutMs, windowMs }: Pick<HoneypotState, 'callTimeoutMs' | 'windowMs'>,
  { shapeClasses }: Pick<HoneypotRow, 'shapeClasses'>,
): number {
  return computeCallTimeout(countPasses(shapeClasses), { callTimeoutMs, mostMs: Math.ceil(windowMs / 3) });
}

/**
 * Gives the verifier up after it did not answer this validator. Witnesses ask once the verdict waits for it.
 * @param event the mark of the verifier; undefined if the time was over before it could be asked.
 */
export async function giveUp(
  state: HoneypotState,
  row: HoneypotRow,
  event?: 'garbage' | 'silent',
  error?: unknown,
): Promise<void> {
  const { clock, group, signal, onError } = state;
  if (signal.aborted) return;
  if (error !== undefined) onError(error, row.replyId);
  const nowMs = clock.nowMs();
  await group.write((db) => {
    if (!giveUpHoneypot(db, row, nowMs) || event === undefined) return;
    recordVerifier(db, row.verifierId, event, { nowMs, deferMs: computeJobTimeout(state, row) });
  });
}
