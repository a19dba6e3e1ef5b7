import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findAccountable } from '@ogong/protocol/settlement/cohort';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type Audit, createAudit } from './audit/audit.ts';
import type { AuditDependencies, AuditOptions } from './audit/audit-state.ts';
import { createDisputes, type Disputes } from './audit/dispute.ts';
import { readMedia } from './audit/request-media.ts';
import { keepStakes, listVerifierPayees } from './store/announcement-store.ts';
import {
  findVrfKey,
  getBeacon,
  getNetworkAlphaPpm,
  getRequiredStakes,
  isConnected,
  PPM,
  type ValidatorState,
} from './validator-state.ts';
import { toTextsMessage } from './wire-messages.ts';
import { signRound } from './witness/round-signature.ts';

export interface WiredAudit {
  readonly audit: Audit;
  readonly disputes: Disputes;
  /** Ticks the audit. */
  readonly auditing: Repeating;
  /** Reads the stake of verifiers from the chain. */
  readonly staking: Repeating;
  /** Reports a new entry of the verdict log to metrics, log and disputes. */
  readonly report: (entry: VerdictEntry) => void;
}

const TRACE_TIMEOUT_MS = 60_000;
/** Longer than a due job takes to become ready. */
const MIX_MS = 50;

/** Connects audits and disputes with providers, verifiers and the chain. */
export function wireAudit(
  state: ValidatorState,
  asking: Pick<AuditDependencies, 'contest' | 'findIntake' | 'acceptShown' | 'acceptMilestoneRecord'>,
): WiredAudit {
  const { options, store, group, clock, stakes, log } = state;
  const disputes = wireDisputes(state);
  const report = (entry: VerdictEntry): void => reportVerdict(state, disputes, entry);
  const audit = createAudit(readAuditOptions(state), {
    ...connectAudit(state),
    ...asking,
    stakeOf: stakes.stakeOf,
    requiredStakes: () => getRequiredStakes(state),
    onVerdict: report,
  });
  const staking = createRepeating(
    { intervalMs: options.stakeMs ?? 10_000 },
    async () => {
      await stakes.refresh(listVerifierPayees(store, clock.nowMs()));
      await group.write((db) => keepStakes(db, stakes.stakeOf, clock.nowMs()));
    },
    (err) => log.warn({ err }, 'stake cannot be read from the chain'),
  );
  const auditing = createRepeating(
    { intervalMs: Math.max(25, Math.min(500, options.epochMs / 10)) },
    () => audit.tick(),
    (err) => log.error({ err }, 'audits cannot go on'),
  );
  return { audit, disputes, auditing, staking, report };
}

/** Returns the time limit of one call to a verifier about a short reply. */
export const computeCallLimit = (auditWindowMs: number): number => Math.min(60_000, Math.ceil(auditWindowMs / 3));

/** Converts options: shares become parts per million, and times follow from the audit window. */
export function readAuditOptions(state: Pick<ValidatorState, 'options' | 'verdicts' | 'chain'>): AuditOptions {
  const { options, verdicts } = state;
  const { alpha, extraAlpha = 0, pairs, epochMs, auditWindowMs, fixedVerifier, drift } = options;
  const ownAlphaPpm = Math.round(alpha * PPM);
  return {
    verdicts,
    alphaPpm: () => Math.max(ownAlphaPpm, getNetworkAlphaPpm(state)),
    extraPpm: Math.round(extraAlpha * PPM),
    windowMs: auditWindowMs,
    graceMs: options.graceMs ?? 60_000,
    concurrency: options.auditConcurrency ?? 8,
    callTimeoutMs: options.callTimeoutMs ?? computeCallLimit(auditWindowMs),
    retryMs: Math.min(1_000, Math.max(50, auditWindowMs / 50)),
    fixedVerifier,
    drift,
    spreadMs: Math.min(epochMs, auditWindowMs / 4),
    mixMs: MIX_MS,
    ...(pairs === undefined ? {} : { pairPpm: Math.round(pairs * PPM) }),
  };
}

function connectAudit(
  state: ValidatorState,
): Omit<
  AuditDependencies,
  'stakeOf' | 'onVerdict' | 'contest' | 'findIntake' | 'acceptShown' | 'acceptMilestoneRecord'
> {
  const { crypto, clock, awake, store, group, archive, earnings, links, log, metrics, vrfSeed, signer } = state;
  const { steps } = metrics;
  return {
    crypto,
    clock,
    awake,
    isConnected: () => isConnected(state),
    store,
    group,
    archive,
    getBeacon: (epoch) => getBeacon(state, epoch),
    heldFor: earnings.heldFor,
    getOpening: (provider, replyId, call) =>
      steps.run(replyId, 'read opening', async () => {
        const { opening } = await links.to(ProviderService, provider).getOpening({ replyId }, call);
        return opening;
      }),
    getBlob: (provider, replyId, ref, blind, call) =>
      fetchBlob(
        links.to(ProviderService, provider),
        { replyId, ref, blind },
        { crypto, maxBytes: MAX_ROWS_BYTES, ...call },
      ),
    getMedia: (provider, replyId, blind, call) =>
      readMedia(crypto, links.to(ProviderService, provider), { replyId, blind, call }),
    steps,
    getTexts: (provider, asked, call) => links.to(ProviderService, provider).getTexts(toTextsMessage(asked), call),
    calls: connectVerifiers(state),
    jobSecret: computeJobSecret(state),
    vrf: {
      prove: (input) => proveVrf(vrfSeed, input),
      findKey: (epoch) => findVrfKey(state, epoch, signer.address),
    },
    onError: (err, replyId) => log.debug({ err, replyId: toHex(replyId) }, 'audit step failed'),
  };
}

export function connectVerifiers(state: ValidatorState): VerifierCalls {
  const { chain, links } = state;
  return {
    commit: (verifier, job, call) => links.to(VerifierService, verifier).commit(job, call),
    async reveal(verifier, job, call) {
      const word = await signRound({ ...state, ledger: chain.ledger }, job);
      return links.to(VerifierService, verifier).reveal({ ...job, round: [...job.round], word }, call);
    },
  };
}

export const computeJobSecret = ({ crypto, vrfSeed }: Pick<ValidatorState, 'crypto' | 'vrfSeed'>): Uint8Array =>
  crypto.sha256(concatBytes(encodeDomain('ogong-job-secret-v1'), vrfSeed));

function wireDisputes({ options, crypto, store, group, links, log }: ValidatorState): Disputes {
  return createDisputes({
    crypto,
    store,
    group,
    fixedVerifier: options.fixedVerifier,
    callTimeoutMs: TRACE_TIMEOUT_MS,
    calls: {
      provider: (provider, query, call) => links.to(ProviderService, provider).trace(query, call),
      verifier: (verifier, query, call) => links.to(VerifierService, verifier).trace(query, call),
    },
    onLocated: (replyId, { side, layer }) => log.info({ replyId: toHex(replyId), side, layer }, 'divergence located'),
    onError: (err, replyId) => log.debug({ err, replyId: toHex(replyId) }, 'a trace is missing'),
  });
}

function reportVerdict(
  { metrics, log }: Pick<ValidatorState, 'metrics' | 'log'>,
  disputes: Pick<Disputes, 'notice'>,
  entry: VerdictEntry,
): void {
  metrics.verdicts.inc({ verdict: entry.verdict });
  const attributes = { 'ogong.verdict': entry.verdict, 'ogong.evidence': entry.evidence };
  metrics.steps.add(entry.replyId, 'verdict', { attributes });
  const fields = { replyId: toHex(entry.replyId), verdict: entry.verdict, evidence: entry.evidence };
  log.debug(fields, 'verdict');
  disputes.notice(entry);
  if (entry.ejects) log.warn({ ...fields, providerId: toHex(findAccountable(entry).providerId) }, 'provider ejected');
}
