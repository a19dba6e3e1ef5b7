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
import type { BoundRecord, HandedReply, ReplyTexts, SignedOrder } from '@ogong/protocol/verdict/claim';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import type { BeaconArchive } from '../beacon/beacon-archive.ts';
import { type AskedStakes, noStakes } from '../store/candidates.ts';
import type { ReplyRow } from '../store/replies/reply-store.ts';
import { type Decision, decideReply, type VerdictContext } from '../store/verdict-store.ts';
import type { HeldFor } from './deterrence.ts';
import type { GetTexts } from './fetch-texts.ts';
import { createGrace } from './grace.ts';
import { type HoneypotState, type OwnVrf, openHoneypotState } from './honeypot-state.ts';
import { createOpeningFetch } from './opening-fetch.ts';
import type { RoundState } from './round-state.ts';

export interface AuditOptions {
  readonly verdicts: VerdictContext;
  /** What scores are judged by where the classes differ; fixed thresholds where absent. */
  readonly drift?: DriftPolicy | undefined;
  /** Coverage in parts per million; the network's own is the least. */
  readonly alphaPpm: () => number;
  /** Extra coverage, on average, for suspicious replies. Default: 0. */
  readonly extraPpm?: number;
  /** How long a provider has for its opening, and then verifiers for their reports. */
  readonly windowMs: number;
  /** How long after its order's expiry a reply counts as abandoned. */
  readonly graceMs: number;
  readonly concurrency: number;
  /** Longest wait for one commitment or one report. */
  readonly callTimeoutMs: number;
  /** Pause between two attempts to get an opening or a report. */
  readonly retryMs: number;
  /** Verifiers are asked at a secret random moment within this span after selection. Default: 0. */
  readonly spreadMs?: number;
  /** How long jobs are collected before they are sent in random order. Default: 0. */
  readonly mixMs?: number;
  /** Share of audits with two verifiers at the same time, parts per million. Default, and the least: PAIR_PPM. */
  readonly pairPpm?: number;
  /** Honeypots per audit, parts per million, the same for all validators of a network. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number;
  /** Asked before those that the beacon draws; its key becomes known with its first report. */
  readonly fixedVerifier: Peer | undefined;
}

export interface AuditDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Passes while this validator can act. Default: the clock. */
  readonly awake?: Clock;
  /** Whether this validator hears of the others. Default: it does. */
  readonly isConnected?: () => boolean;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  /** The beacon of an epoch, of a peer where the archive lacks it. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  /** The texts of a reply that was handed in without them. Default: nobody is asked for texts. */
  readonly getTexts?: GetTexts;
  /** This validator's receipt for a record that it has taken in. */
  readonly findIntake: (replyId: Uint8Array) => Promise<IntakeSignature | undefined>;
  readonly contest: Contests;
  /** Takes a record in that somebody else was shown. @throws Refusal */
  readonly takeIn: (submission: HandedReply) => Promise<unknown>;
  readonly takePassed: (submission: HandedReply) => Promise<unknown>;
  readonly calls: VerifierCalls;
  readonly heldFor: HeldFor;
  /** A payee's stake, atomic units; 0 where it is not known. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Default: the network asks for none. */
  readonly askedStakes?: (() => AskedStakes) | undefined;
  /** 32 bytes, known to nobody else, the same after a restart. */
  readonly jobSecret: Uint8Array;
  readonly vrf: OwnVrf;
  readonly onVerdict: (entry: VerdictEntry) => void;
  /** Told of each call to a verifier. Default: nobody is. */
  readonly steps?: ReplySteps;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

/** What does not come, as it is told to those who ask in this validator's place: a reply, its opening, or a verifier's commitment. */
export type Contested = { readonly order: SignedOrder } & (
  | { readonly asked: 'record'; readonly consent: OrderConsent }
  /** With this validator's receipt for the record where the texts are wanted, too. */
  | { readonly asked: 'opening'; readonly bound: BoundRecord; readonly intake?: IntakeSignature | undefined }
  | ContestedJob
  | ContestedReport
);

/** A job that a verifier has committed to nothing about. */
export interface ContestedJob {
  readonly asked: 'commitment';
  /** Provider id of the candidate. */
  readonly verifierId: Uint8Array;
  /** Of the key that has to sign. */
  readonly keyHash: Uint8Array;
  readonly job: ScoreJobMessage;
}

/** A report that a verifier has committed to and does not open. */
export interface ContestedReport extends Pick<ContestedJob, 'verifierId' | 'keyHash'>, JobRound {
  readonly asked: 'report';
  /** Of the job, see hashScoreInputs. */
  readonly inputsHash: Uint8Array;
  readonly committed: SignedCommitment;
}

export type ContestOutcome =
  /** Asked again later. */
  | { readonly kind: 'waiting' }
  /** The provider has this validator's own receipt for the record. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'record'; readonly submission: HandedReply }
  | { readonly kind: 'opening'; readonly opening: Uint8Array; readonly texts?: ReplyTexts }
  | { readonly kind: 'commitment'; readonly committed: SignedCommitment }
  | { readonly kind: 'report'; readonly opened: OpenedReport }
  /** Enough witnesses were told nothing. `isTimely`: while the provider had to keep it. */
  | { readonly kind: 'silent'; readonly isTimely: boolean; readonly statements: readonly Statement[] };

/** Others ask before silence is held against anybody (docs/spec/silence.md). */
export interface Contests {
  /** One round. */
  ask(contested: Contested): Promise<ContestOutcome>;
}

/** The work that is running now, by what it is about. */
export interface AuditPlaces {
  readonly running: Map<string, Promise<void>>;
  /** Audits that ask again. They have their own places, so that nobody's silence delays the audits of others. */
  readonly again: Map<string, Promise<void>>;
  readonly traps: Map<string, Promise<void>>;
  /** Replies that were not delivered, which witnesses ask for. */
  readonly contests: Map<string, Promise<void>>;
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
      | 'takeIn'
      | 'takePassed'
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

/** A contest has about so many rounds in the time that witnesses give a provider for its record. */
const ROUNDS_PER_GRACE = 12;
const DELAY_DOMAIN = encodeDomain('ogong-ask-delay-v1');

export function openAuditState(options: AuditOptions, dependencies: AuditDependencies): AuditState {
  const { verdicts, drift, alphaPpm, windowMs, graceMs, concurrency, callTimeoutMs, retryMs, fixedVerifier } = options;
  const { extraPpm = 0, spreadMs = 0, mixMs = 0, honeypotPpm = HONEYPOT_PPM } = options;
  const { crypto, clock, store, group, archive, getBeacon, heldFor, getOpening, calls, stakeOf, jobSecret, onVerdict } =
    dependencies;
  const { contest, findIntake, takeIn, takePassed, getTexts, vrf } = dependencies;
  const { onError = () => {}, awake = clock, isConnected = () => true, askedStakes = () => noStakes } = dependencies;
  const { validator } = verdicts;
  const pairPpm = Math.max(options.pairPpm ?? PAIR_PPM, PAIR_PPM);
  const stopping = new AbortController();
  const { signal } = stopping;
  const shared = {
    ...{ crypto, clock, awake, store, group, stakeOf, askedStakes, jobSecret, signal, onError },
    calls: mixJobs(calls, mixMs),
    async pause(leftMs: number): Promise<void> {
      await delay(Math.max(1, Math.min(retryMs, leftMs)), undefined, { signal }).catch(() => undefined);
    },
  };
  const computeDelay = (id: Uint8Array): number => computeAskDelay({ crypto, jobSecret, spreadMs }, id);
  const contestPauseMs = Math.max(retryMs, graceMs / ROUNDS_PER_GRACE);
  const honeypots = openHoneypotState(
    { validator, honeypotPpm, callTimeoutMs, computeDelay, windowMs, contestPauseMs },
    { ...shared, contest, vrf },
  );
  return {
    ...{ verdicts, drift, alphaPpm, extraPpm, spreadMs, windowMs, concurrency, fixedVerifier },
    ...{ crypto, clock, store, group, archive, getBeacon, heldFor, jobSecret, onVerdict, onError, stopping, honeypots },
    ...{ contest, findIntake, takeIn, takePassed },
    places: { running: new Map(), again: new Map(), traps: new Map(), contests: new Map() },
    contestsDue: new Map(),
    contestPauseMs,
    listAbandoned: createGrace({ graceMs }, { clock, awake }),
    rounds: {
      ...{ validator, pairPpm, callTimeoutMs, windowMs, fixedVerifier },
      ...shared,
      honeypots,
      contest,
      steps: dependencies.steps,
      contestPauseMs,
      mostPostponedMs: MOST_POSTPONED * windowMs,
    },
    openings: createOpeningFetch(
      { windowMs, retryMs },
      { crypto, clock, awake, isConnected, store, group, getOpening, getTexts, signal, onError },
    ),
  };
}

/** @returns undefined if nobody who answers has the beacon of that epoch. */
export async function findDraw(
  { getBeacon }: Pick<AuditState, 'getBeacon'>,
  { replyId, orderBytes }: Pick<ReplyRow, 'replyId' | 'orderBytes'>,
  beaconEpoch: bigint,
): Promise<AuditDraw | undefined> {
  const beacon = await getBeacon(beaconEpoch);
  return beacon && { replyId, orderEpoch: parseOrder(orderBytes).epoch, beaconEpoch, beacon: beacon.value };
}

/** Otherwise all jobs of an epoch would come in one burst, and later jobs would be recognisable as honeypots. */
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
