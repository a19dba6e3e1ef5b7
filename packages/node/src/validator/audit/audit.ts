import { setTimeout as delay } from 'node:timers/promises';
import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { type AuditDraw, isAudited, PAIR_PPM } from '@ogong/protocol/audit/audit';
import { createReader, createWriter, toHex } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { pass } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { type AuditEvidence, parseCandidates } from '@ogong/protocol/verdict/evidence';
import { type AuditContext, type Judgement, judge } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import type { BeaconArchive } from '../beacon/beacon-archive.ts';
import { listAttempts } from '../store/attempt-store.ts';
import { readPolicy } from '../store/drift-store.ts';
import { listDueHoneypots, listReserve } from '../store/honeypot-store.ts';
import { listDueAsks } from '../store/opening-store.ts';
import {
  beginAudit,
  listAudits,
  listExpired,
  listReplies,
  type ReplyRow,
  readReply,
  toClaim,
} from '../store/reply-store.ts';
import { type Decision, decideReply, type VerdictContext } from '../store/verdict-store.ts';
import { planCoverage } from './coverage.ts';
import { prepareCandidates } from './draw-round.ts';
import { createGrace } from './grace.ts';
import { createHoneypots } from './honeypot-runner.ts';
import { createOpeningFetch } from './opening-fetch.ts';
import type { RoundState } from './round-state.ts';
import { mixJobs, type VerifierCallOptions, type VerifierCalls } from './verifier-call.ts';
import { runRounds } from './verifier-rounds.ts';

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
  /** Honeypots per audit, parts per million. Default: 50,000. */
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
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  readonly calls: VerifierCalls;
  /** A payee's stake, atomic units; 0 where it is not known. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** 32 bytes, known to nobody else, the same after a restart. */
  readonly jobSecret: Uint8Array;
  readonly onVerdict: (entry: VerdictEntry) => void;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

export interface Audit {
  /**
   * Selects replies, starts audits while there is room, and ends replies that were never delivered. Resolves when that is
   * durable, not when the audits end.
   */
  tick(): Promise<void>;
  /** Resolves when no audit is running. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const PER_TICK = 256;
/** How many undelivered replies are watched at a time, the oldest first. */
const MAX_EXPIRED = 4_096;
const HONEYPOT_PPM = 50_000;
const DELAY_DOMAIN = encodeDomain('ogong-ask-delay-v1');

/** Audits replies. After a restart each audit continues where it was. */
export function createAudit(options: AuditOptions, dependencies: AuditDependencies): Audit {
  const { verdicts, windowMs, graceMs, concurrency, callTimeoutMs, retryMs, fixedVerifier } = options;
  const { extraPpm = 0, spreadMs = 0, mixMs = 0, honeypotPpm = HONEYPOT_PPM } = options;
  const { crypto, clock, store, group, archive, getOpening, calls, stakeOf, jobSecret, onVerdict } = dependencies;
  const { onError = () => {}, awake = clock, isConnected = () => true } = dependencies;
  const running = new Map<string, Promise<void>>();
  /** Audits that ask again. They have their own places, so that a silent provider does not delay the audits of others. */
  const again = new Map<string, Promise<void>>();
  const traps = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const listAbandoned = createGrace({ graceMs }, { clock, awake });
  const { validator } = verdicts;
  const shared = {
    crypto,
    clock,
    awake,
    store,
    group,
    calls: mixJobs(calls, mixMs),
    stakeOf,
    jobSecret,
    signal,
    pause,
    onError,
  };
  const placesAgain = Math.max(1, Math.floor(concurrency / 2));
  const pairPpm = Math.max(options.pairPpm ?? PAIR_PPM, PAIR_PPM);
  const { drift } = options;
  const { alphaPpm } = options;
  const honeypots = createHoneypots(
    { validator, honeypotPpm, pairPpm, callTimeoutMs, computeDelay, drift, alphaPpm, windowMs },
    { ...shared, getOpening },
  );
  const rounds: RoundState = {
    ...{ validator, pairPpm, callTimeoutMs, windowMs, fixedVerifier },
    ...shared,
    planHoneypots: honeypots.plan,
  };

  const openings = createOpeningFetch(
    { windowMs, retryMs },
    { crypto, clock, awake, isConnected, store, group, getOpening, signal, onError },
  );

  const find = (replyId: Uint8Array): ReplyRow | undefined => store.read(() => readReply(store, replyId));

  async function decide(replyId: Uint8Array, decision: Decision): Promise<void> {
    const nowMs = clock.nowMs();
    const entry = await group.write((db) => decideReply(db, verdicts, { replyId, decision, nowMs }));
    if (entry) onVerdict(entry);
  }

  function readDraw(replyId: Uint8Array, beaconEpoch: bigint): AuditDraw | undefined {
    const beacon = archive.find(beaconEpoch);
    return beacon && { replyId, intakeEpoch: beaconEpoch - 1n, beaconEpoch, beacon: beacon.value };
  }

  /** The beacon of the first epoch after intake that is certified decides whether a reply is audited. */
  async function selectAll(replyIds: readonly Uint8Array[]): Promise<void> {
    const epochs = new Map<bigint, ReplyRow[]>();
    for (const replyId of replyIds) {
      const row = find(replyId);
      const beaconEpoch = archive.findNext(row?.intakeEpoch ?? 0n);
      if (row === undefined || beaconEpoch === undefined) continue;
      epochs.set(beaconEpoch, [...(epochs.get(beaconEpoch) ?? []), row]);
    }
    const basePpm = options.alphaPpm();
    for (const [beaconEpoch, rows] of epochs) {
      const coverage = store.read(() => planCoverage(store, rows, { basePpm, extraPpm }));
      await Promise.all(rows.map((row, i) => select(row, beaconEpoch, coverage[i] as number)));
    }
  }

  async function select({ replyId, isForced }: ReplyRow, beaconEpoch: bigint, alphaPpm: number): Promise<void> {
    const draw = readDraw(replyId, beaconEpoch) as AuditDraw;
    if (isForced || isAudited(crypto, draw, alphaPpm)) {
      const nowMs = clock.nowMs();
      const times = { deadlineMs: nowMs + windowMs, askAtMs: nowMs + computeDelay(replyId) };
      await group.write((db) => beginAudit(db, replyId, beaconEpoch, times));
    } else {
      await decide(replyId, { verdict: 'unaudited', beaconEpoch });
      await honeypots.offer(replyId);
    }
  }

  /** Otherwise all jobs of an epoch would come in one burst, and later jobs would be recognisable as honeypots. */
  function computeDelay(id: Uint8Array): number {
    const bytes = createWriter().bytes(DELAY_DOMAIN).bytes(jobSecret, 32).bytes(id, 16).finish();
    return Math.floor((createReader(crypto.sha256(bytes)).u32() / 2 ** 32) * spreadMs);
  }

  async function tick(): Promise<void> {
    const { recorded, expired } = store.read(() => ({
      recorded: listReplies(store, 'recorded', PER_TICK),
      expired: listExpired(store, clock.nowMs(), MAX_EXPIRED),
    }));
    const abandoned = listAbandoned(expired);
    await Promise.all([selectAll(recorded), ...abandoned.map((id) => decide(id, { verdict: 'abandoned' }))]);
    const asked = store.read(() => listDueAsks(store, clock.nowMs(), placesAgain + again.size));
    for (const replyId of asked) startAudit(replyId, again, placesAgain);
    const begun = store.read(() => listAudits(store, clock.nowMs(), concurrency + running.size));
    for (const replyId of begun) startAudit(replyId, running, concurrency);
    for (const replyId of store.read(() => listReserve(store, PER_TICK))) {
      startTrap(`reserve ${toHex(replyId)}`, replyId, () => honeypots.gather(replyId));
    }
    for (const row of store.read(() => listDueHoneypots(store, clock.nowMs(), PER_TICK))) {
      startTrap(toHex(row.id), row.replyId, () => honeypots.run(row));
    }
  }

  function startAudit(replyId: Uint8Array, places: Map<string, Promise<void>>, count: number): void {
    const key = toHex(replyId);
    if (places.size >= count || signal.aborted || running.has(key) || again.has(key)) return;
    const work = audit(replyId)
      .catch((error: unknown) => {
        if (!signal.aborted) onError(error, replyId);
      })
      .finally(() => places.delete(key));
    places.set(key, work);
  }

  function startTrap(key: string, replyId: Uint8Array, run: () => Promise<void>): void {
    if (traps.has(key) || signal.aborted) return;
    const work = run()
      .catch((error: unknown) => {
        if (!signal.aborted) onError(error, replyId);
      })
      .finally(() => traps.delete(key));
    traps.set(key, work);
  }

  async function audit(replyId: Uint8Array): Promise<void> {
    const row = find(replyId);
    if (row?.state !== 'auditing' || row.beaconEpoch === undefined || row.deadlineMs === undefined) return;
    const claim = toClaim(row);
    const judged: AuditContext = {
      claim,
      signed: row.signedRecord as NonNullable<ReplyRow['signedRecord']>,
      validator: verdicts.validator,
      draw: readDraw(replyId, row.beaconEpoch),
      allowFixedVerifier: fixedVerifier !== undefined,
      drift: store.read(() => readPolicy(store, options.drift, row.drift)),
    };
    const { beaconEpoch } = row;
    const opened = row.opening
      ? (openReply(crypto, claim.record, row.opening) as OpenedReply)
      : await fetchOpening(judged, beaconEpoch);
    if (signal.aborted || opened === undefined) return;
    if (opened.outcome === 'consistent') {
      const open = find(replyId) ?? row;
      await prepareCandidates(rounds, open, judged, opened);
      if (clock.nowMs() < (open.askAtMs ?? 0)) return;
      await runRounds(rounds, open, judged, opened);
    }
    if (signal.aborted) return;
    const latest = find(replyId);
    if (latest?.state !== 'auditing') return;
    const attempts = store
      .read(() => listAttempts(store, replyId))
      .map((row) => ({
        ...{ verifierId: row.verifierId, round: row.round, nonce: row.nonce },
        ...{ committed: row.committed, opened: row.opened },
      }));
    const evidence: AuditEvidence = {
      kind: 'audit',
      opening: opened.bytes,
      drift: attempts.length === 0 ? undefined : judged.drift?.note,
      candidates: latest.candidates ? parseCandidates(latest.candidates) : [],
      attempts,
    };
    const judgement: Judgement = judge(crypto, judged, evidence, opened);
    await decide(replyId, { judgement, evidence, beaconEpoch });
  }

  /** @returns undefined if there is none yet, or if it is withheld and the reply has its verdict. */
  async function fetchOpening(judged: AuditContext, beaconEpoch: bigint): Promise<OpenedReply | undefined> {
    const { record, order } = judged.claim;
    const asked = await openings.ask(order, record);
    if (asked.outcome === 'opened') return asked.opened;
    if (asked.outcome === 'waiting' || signal.aborted) return undefined;
    const evidence = { kind: asked.outcome };
    const { checks, ...judgement } = judge(crypto, judged, evidence);
    const withDetail = { ...judgement, checks: [...checks, pass('opening-asked', asked.detail)] };
    const isLate = asked.outcome === 'withheld' && !asked.isRefused;
    await decide(order.replyId, { judgement: withDetail, evidence, beaconEpoch, isLate });
    return undefined;
  }

  async function pause(leftMs: number): Promise<void> {
    await delay(Math.max(1, Math.min(retryMs, leftMs)), undefined, { signal }).catch(() => undefined);
  }

  const listWork = (): Promise<void>[] => [...running.values(), ...again.values(), ...traps.values()];

  return {
    tick,
    async idle() {
      while (running.size + again.size + traps.size > 0) await Promise.all(listWork());
    },
    async stop() {
      stopping.abort();
      await Promise.all(listWork());
    },
  };
}
