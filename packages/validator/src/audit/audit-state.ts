import { setTimeout as delay } from 'node:timers/promises';
import type { Peer } from '@ogong/host/link/link-pool';
import { mixJobs, type VerifierCallOptions, type VerifierCalls } from '@ogong/host/link/verifier-call';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { type AuditDraw, HONEYPOT_PPM, PAIR_PPM } from '@ogong/protocol/audit/audit';
import { MOST_POSTPONED } from '@ogong/protocol/audit/audit-attempt';
import { createReader, createWriter } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import type { JobRound } from '@ogong/protocol/exchange/round-signature';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { BoundRecord, EndedOrder, HandedReply, ReplyTexts, SignedOrder } from '@ogong/protocol/verdict/claim';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import type { BeaconArchive } from '../beacon/beacon-archive.ts';
import { noStakes, type RequiredStakes } from '../store/candidates.ts';
import type { ReplyRow } from '../store/replies/reply-store.ts';
import { type Decision, decideReply, type VerdictContext } from '../store/verdict-store.ts';
import { type AuditTurns, createAuditTurns } from './audit-turns.ts';
import type { HeldFor } from './deterrence.ts';
import type { GetTexts } from './fetch-texts.ts';
import { createGrace } from './grace.ts';
import { type HoneypotState, type OwnVrf, openHoneypotState } from './honeypot-state.ts';
import { createOpeningFetch } from './opening-fetch.ts';
import { createHeldBlobs, fetchNoBlob, type GetBlob } from './replay-blobs.ts';
import { fetchNoMedia, type GetMedia } from './request-media.ts';
import type { RoundState } from './round-state.ts';

export interface AuditOptions {
  readonly verdicts: VerdictContext;
  /** Drift policy for scores between different classes. If absent, fixed thresholds decide. */
  readonly drift?: DriftPolicy | undefined;
  /** Returns the coverage in parts per million, never below the network's own. */
  readonly alphaPpm: () => number;
  /** Extra coverage, on average, for suspicious replies. Default: 0. */
  readonly extraPpm?: number;
  /** Time that a provider has for its opening, and then verifiers for their reports. */
  readonly windowMs: number;
  /** Time after its order's expiry at which an undelivered reply counts as abandoned. */
  readonly graceMs: number;
  readonly concurrency: number;
  /** Longest wait for one commitment or one report. */
  readonly callTimeoutMs: number;
  /** Pause between two attempts to get an opening or a report. */
  readonly retryMs: number;
  /** Span after selection within which verifiers are asked, at a secret random moment. Default: 0. */
  readonly spreadMs?: number;
  /** Time for which jobs are collected before they are sent in random order. Default: 0. */
  readonly mixMs?: number;
  /** Share of audits with two verifiers at the same time, parts per million. Default, and the least: PAIR_PPM. */
  readonly pairPpm?: number;
  /** Honeypots per audit, parts per million, the same for all validators of a network. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number;
  /** Verifier to ask before those that the beacon draws. Its key becomes known with its first report. */
  readonly fixedVerifier: Peer | undefined;
}

export interface AuditDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Clock that runs only while this validator can act. Default: the clock. */
  readonly awake?: Clock;
  /** Tells whether this validator receives messages of the others. Default: true. */
  readonly isConnected?: () => boolean;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  /** Returns the beacon of an epoch, from a peer if the archive lacks it. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  /** Fetches a blob that an opening names. Default: blobs are never fetched. */
  readonly getBlob?: GetBlob;
  /** Fetches the media of a request. Default: media are never fetched. */
  readonly getMedia?: GetMedia;
  /** Fetches the texts of a reply that came without them. Default: texts are never fetched. */
  readonly getTexts?: GetTexts;
  /** Returns this validator's receipt for a record that it has accepted. */
  readonly findIntake: (replyId: Uint8Array) => Promise<IntakeSignature | undefined>;
  readonly contest: Contests;
  /** Accepts a record, or an end, that a witness received. @throws Refusal */
  readonly acceptShown: (submission: HandedReply | EndedOrder) => Promise<unknown>;
  readonly acceptMilestoneRecord: (submission: HandedReply) => Promise<unknown>;
  readonly calls: VerifierCalls;
  readonly heldFor: HeldFor;
  /** Returns a payee's stake, atomic units, or 0 if it is unknown. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Default: no stake is required. */
  readonly requiredStakes?: (() => RequiredStakes) | undefined;
  /** Secret of this validator, 32 bytes, the same after a restart. */
  readonly jobSecret: Uint8Array;
  readonly vrf: OwnVrf;
  readonly onVerdict: (entry: VerdictEntry) => void;
  /** Records each call to a verifier. Default: none. */
  readonly steps?: ReplySteps;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

/** A missing reply, opening, commitment or report, as this validator describes it to witnesses. */
export type Contested = { readonly order: SignedOrder } & (
  | { readonly asked: 'record'; readonly consent: OrderConsent }
  | ContestedOpening
  | ContestedJob
  | ContestedReport
);

/** An opening that did not come, or without its parts. */
export interface ContestedOpening {
  readonly asked: 'opening';
  readonly bound: BoundRecord;
  /** This validator's receipt for the record if the texts are missing, too. */
  readonly intake?: IntakeSignature | undefined;
  /** Root of the rows of an edge that are wanted, too. Default: none. */
  readonly rows?: Uint8Array | undefined;
}

/** A job without the verifier's commitment. */
export interface ContestedJob {
  readonly asked: 'commitment';
  /** Provider id of the candidate. */
  readonly verifierId: Uint8Array;
  /** Hash of the key that has to sign. */
  readonly keyHash: Uint8Array;
  readonly job: ScoreJobMessage;
}

/** A report that a verifier has committed to and does not open. */
export interface ContestedReport extends Pick<ContestedJob, 'verifierId' | 'keyHash'>, JobRound {
  readonly asked: 'report';
  /** Hash of the job's inputs, see hashScoreInputs. */
  readonly inputsHash: Uint8Array;
  readonly committed: SignedCommitment;
}

/** An opening that a provider gave to a witness, with the parts that were wanted. */
export interface FoundOpening {
  readonly kind: 'opening';
  readonly opening: Uint8Array;
  readonly texts?: ReplyTexts;
  readonly blobs?: Uint8Array[];
  readonly media?: Uint8Array[];
}

export type ContestOutcome =
  /** The question is asked again later. */
  | { readonly kind: 'waiting' }
  /** The provider has this validator's own receipt for the record. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'record'; readonly submission: HandedReply | EndedOrder }
  | FoundOpening
  | { readonly kind: 'commitment'; readonly committed: SignedCommitment }
  | { readonly kind: 'report'; readonly opened: OpenedReport }
  /** Enough witnesses received nothing. `isTimely`: they asked while the provider had to keep it. */
  | { readonly kind: 'silent'; readonly isTimely: boolean; readonly statements: readonly Statement[] };

/** Asks witnesses before silence counts against a provider or verifier (docs/spec/silence.md). */
export interface Contests {
  /** Runs one round. */
  ask(contested: Contested): Promise<ContestOutcome>;
}

/** Running work, by its subject. */
export interface AuditPlaces {
  readonly running: Map<string, Promise<void>>;
  /**
   * Audits that repeat a question. They have their own places, so that one silent party does not delay other audits.
   */
  readonly again: Map<string, Promise<void>>;
  readonly traps: Map<string, Promise<void>>;
  /** Undelivered replies that witnesses ask for. */
  readonly contests: Map<string, Promise<void>>;
  /** Turns of payees at the places of `running` and of `again`. */
  readonly turns: { readonly running: AuditTurns; readonly again: AuditTurns };
}

/** The state that the steps of an audit work on. Everything that outlives a restart is in the store. */
export interface AuditState
  extends Pick<AuditOptions, 'verdicts' | 'drift' | 'alphaPpm' | 'windowMs' | 'concurrency' | 'fixedVerifier'>,
    Pick<
      AuditDependencies,
      | 'crypto'
      | 'clock'
      | 'store'
      | 'group'
      | 'archive'
      | 'getBeacon'
      | 'heldFor'
      | 'jobSecret'
      | 'onVerdict'
      | 'contest'
      | 'findIntake'
      | 'acceptShown'
      | 'acceptMilestoneRecord'
    > {
  readonly extraPpm: number;
  readonly spreadMs: number;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
  readonly stopping: AbortController;
  readonly places: AuditPlaces;
  readonly listAbandoned: ReturnType<typeof createGrace>;
  /** When the next round of a contest is due, by the hex id of its reply. */
  readonly contestsDue: Map<string, number>;
  readonly contestPauseMs: number;
  readonly honeypots: HoneypotState;
  readonly rounds: RoundState;
  readonly openings: ReturnType<typeof createOpeningFetch>;
}

/** Number of rounds of a contest in the time that witnesses give a provider for its record. */
const ROUNDS_PER_GRACE = 12;
/** Blobs of running audits in memory: more than those of as many audits as run at a time. */
const HELD_BLOB_BYTES = 128 * 2 ** 20;
/** Media of their requests, beside them. */
const HELD_MEDIA_BYTES = 256 * 2 ** 20;
const DELAY_DOMAIN = encodeDomain('ogong-ask-delay-v1');

export function openAuditState(options: AuditOptions, dependencies: AuditDependencies): AuditState {
  const { verdicts, drift, alphaPpm, windowMs, graceMs, concurrency, callTimeoutMs, retryMs, fixedVerifier } = options;
  const { extraPpm = 0, spreadMs = 0, mixMs = 0, honeypotPpm = HONEYPOT_PPM } = options;
  const { crypto, clock, store, group, archive, getBeacon, heldFor, getOpening, calls, stakeOf, jobSecret, onVerdict } =
    dependencies;
  const { contest, findIntake, acceptShown, acceptMilestoneRecord, getTexts, getBlob, getMedia, vrf } = dependencies;
  const { onError = () => {}, awake = clock, isConnected = () => true, requiredStakes = () => noStakes } = dependencies;
  const { validator } = verdicts;
  const pairPpm = Math.max(options.pairPpm ?? PAIR_PPM, PAIR_PPM);
  const stopping = new AbortController();
  const { signal } = stopping;
  const shared = {
    ...{ crypto, clock, awake, store, group, stakeOf, requiredStakes, jobSecret, signal, onError },
    calls: mixJobs(calls, mixMs),
    async pause(leftMs: number): Promise<void> {
      await delay(Math.max(1, Math.min(retryMs, leftMs)), undefined, { signal }).catch(() => undefined);
    },
  };
  const computeDelay = (id: Uint8Array): number => computeAskDelay({ crypto, jobSecret, spreadMs }, id);
  const contestPauseMs = Math.max(retryMs, graceMs / ROUNDS_PER_GRACE);
  const [jobBlobs, jobMedia] = [createHeldBlobs(HELD_BLOB_BYTES), createHeldBlobs(HELD_MEDIA_BYTES)];
  const held = { blobs: jobBlobs, media: jobMedia };
  const honeypots = openHoneypotState(
    { validator, honeypotPpm, callTimeoutMs, computeDelay, windowMs, contestPauseMs },
    { ...shared, contest, vrf, held, getBlob: getBlob ?? fetchNoBlob, getMedia: getMedia ?? fetchNoMedia },
  );
  return {
    ...{ verdicts, drift, alphaPpm, extraPpm, spreadMs, windowMs, concurrency, fixedVerifier },
    ...{ crypto, clock, store, group, archive, getBeacon, heldFor, jobSecret, onVerdict, onError, stopping, honeypots },
    ...{ contest, findIntake, acceptShown, acceptMilestoneRecord },
    places: {
      ...{ running: new Map(), again: new Map(), traps: new Map(), contests: new Map() },
      turns: { running: createAuditTurns(), again: createAuditTurns() },
    },
    contestsDue: new Map(),
    contestPauseMs,
    listAbandoned: createGrace({ graceMs }, { clock, awake }),
    rounds: {
      ...{ validator, pairPpm, callTimeoutMs, windowMs, fixedVerifier },
      ...shared,
      honeypots,
      contest,
      ...{ jobBlobs, jobMedia },
      steps: dependencies.steps,
      contestPauseMs,
      mostPostponedMs: MOST_POSTPONED * windowMs,
    },
    openings: createOpeningFetch(
      { windowMs, retryMs },
      { crypto, clock, awake, isConnected, store, group, getOpening, getTexts, getBlob, getMedia, signal, onError },
    ),
  };
}

/** @returns undefined if no answering peer has the beacon of that epoch. */
export async function findDraw(
  { getBeacon }: Pick<AuditState, 'getBeacon'>,
  { replyId, orderBytes }: Pick<ReplyRow, 'replyId' | 'orderBytes'>,
  beaconEpoch: bigint,
): Promise<AuditDraw | undefined> {
  const beacon = await getBeacon(beaconEpoch);
  return beacon && { replyId, orderEpoch: parseOrder(orderBytes).epoch, beaconEpoch, beacon: beacon.value };
}

/**
 * Computes a secret delay before verifiers are asked. Without it all jobs of an epoch would come in one burst, and
 * later jobs would be recognisable as honeypots.
 */
export function computeAskDelay(
  { crypto, jobSecret, spreadMs }: Pick<AuditState, 'crypto' | 'jobSecret' | 'spreadMs'>,
  id: Uint8Array,
): number {
  const bytes = createWriter().bytes(DELAY_DOMAIN).bytes(jobSecret, 32).bytes(id, 16).finish();
  return Math.floor((createReader(crypto.sha256(bytes)).u32() / 2 ** 32) * spreadMs);
}

/** Writes a verdict to the log, and reports it once it is durable. */
export async function decide(
  { verdicts, clock, group, onVerdict }: Pick<AuditState, 'verdicts' | 'clock' | 'group' | 'onVerdict'>,
  replyId: Uint8Array,
  decision: Decision,
): Promise<void> {
  const nowMs = clock.nowMs();
  const entry = await group.write((db) => decideReply(db, verdicts, { replyId, decision, nowMs }));
  if (entry) onVerdict(entry);
}
