import { computeCallTimeout, createScoreJob, expectJobMs, type VerifierCalls } from '@ogong/host/link/verifier-call';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { type HoneypotKey, toPlantedSubject } from '@ogong/protocol/verdict/honeypot/honeypot';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { giveUpHoneypot, type HoneypotRow } from '../store/honeypot-store.ts';
import { recordVerifier } from '../store/verifier-store.ts';
import type { Contests } from './audit-state.ts';
import { findParts, readStored } from './honeypot-parts.ts';
import type { GetBlob, HeldBlobs } from './replay-blobs.ts';
import type { GetMedia } from './request-media.ts';

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
  /** Bytes that travel beside the jobs of honeypots, by the honeypot's id. */
  readonly held: { readonly blobs: HeldBlobs; readonly media: HeldBlobs };
  readonly getBlob: GetBlob;
  readonly getMedia: GetMedia;
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
  readonly jobId: Uint8Array;
  /** Creates the message to the verifier, with the bytes beside it. Rejects if they do not come. */
  readonly createMessage: () => Promise<ScoreJobMessage>;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  readonly subject: ReturnType<typeof toPlantedSubject>;
  /** The same as a real job's. */
  readonly timeoutMs: number;
}

/** @returns undefined if the audit has ended without it. */
export function describeHoneypot(state: HoneypotState, row: HoneypotRow): HoneypotJob | undefined {
  const { validator, crypto } = state;
  const stored = readStored(state, row);
  if (stored === undefined) return undefined;
  const { submission, nonce, planted } = stored;
  const { request, endpoint } = submission;
  const jobId = computeJobId(crypto, { validator, replyId: row.id, attempt: 0, nonce });
  const subject = toPlantedSubject(crypto, planted, hashRequest(crypto, endpoint, request));
  const timeoutMs = computeJobTimeout(state, { ...planted.inputs, request });
  return {
    ...{ jobId, nonce, subject, timeoutMs },
    async createMessage() {
      const { blobs, media } = await findParts(state, row, stored, timeoutMs);
      return createScoreJob({ jobId, request, timeoutMs }, planted.inputs, blobs, media);
    },
  };
}

const computeJobTimeout = (
  { callTimeoutMs, windowMs }: Pick<HoneypotState, 'callTimeoutMs' | 'windowMs'>,
  job: Parameters<typeof expectJobMs>[0],
): number => computeCallTimeout(expectJobMs(job), { callTimeoutMs, mostMs: Math.ceil(windowMs / 3) });

interface GivenUp {
  /** The mark of the verifier; undefined if the time was over before it could be asked, or it refused the job. */
  readonly event?: 'garbage' | 'silent' | undefined;
  readonly error?: unknown;
  /** Time that the verifier had for the call. */
  readonly timeoutMs?: number;
}

/** Gives the verifier up after it did not answer this validator. Witnesses ask once the verdict waits for it. */
export async function giveUp(
  state: HoneypotState,
  row: HoneypotRow,
  { event, error, timeoutMs = state.callTimeoutMs }: GivenUp = {},
): Promise<void> {
  const { clock, group, signal, onError } = state;
  if (signal.aborted) return;
  if (error !== undefined) onError(error, row.replyId);
  const nowMs = clock.nowMs();
  await group.write((db) => {
    if (!giveUpHoneypot(db, row, nowMs) || event === undefined) return;
    recordVerifier(db, row.verifierId, event, { nowMs, deferMs: timeoutMs });
  });
}
