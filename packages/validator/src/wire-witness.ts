import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import type { Peer } from '@ogong/host/link/link-pool';
import { computeJobWindow, type VerifierCallOptions } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { ProviderService, ValidatorService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Contests } from './audit/audit-state.ts';
import { NoAnswer } from './audit/patience.ts';
import { readMedia } from './audit/request-media.ts';
import type { Intake } from './intake/intake.ts';
import { findMembers, getBeacon, isConnected, toPeer, type ValidatorState } from './validator-state.ts';
import { readAuditOptions } from './wire-audit.ts';
import { readHanded, readWitnessAnswer, toTextsMessage, writeWitnessAsk } from './wire-messages.ts';
import { type AcceptedRecordDependencies, isAcceptedRecord } from './witness/accepted-record.ts';
import type { WitnessState } from './witness/answer-witness.ts';
import { createContest } from './witness/contest.ts';
import { createInquirer } from './witness/inquirer.ts';
import { isOwnRound as checkRound } from './witness/round-signature.ts';

export interface WiredWitness {
  readonly witness: WitnessState;
  readonly contest: Contests;
}

const GRACE_MS = 60_000;
const MIN_RETRY_MS = 50;

/**
 * Connects this validator's questions as a witness, and its questions to witnesses, with providers and the other
 * validators.
 */
export function wireWitness(
  state: ValidatorState,
  intake: Pick<Intake, 'checkSubmission'>,
  signal: AbortSignal,
): WiredWitness {
  const { options, crypto, clock, awake, store, group, archive, chain, links, peerLinks, signer, log, metrics } = state;
  const { graceMs = GRACE_MS, auditWindowMs } = options;
  const { callTimeoutMs } = readAuditOptions(state);
  const timing = (windowMs: number) => ({ windowMs, retryMs: Math.min(1_000, Math.max(MIN_RETRY_MS, windowMs / 50)) });
  const known: AcceptedRecordDependencies = {
    ...{ crypto, ledger: chain.ledger, findMembers: (epoch) => findMembers(state, epoch) },
    findValidator: (address) => chain.recallByAddress(address),
  };
  const isOwnRound: WitnessState['isOwnRound'] = (order, job) => checkRound(known, order, job);
  const isTaken: WitnessState['isTaken'] = (order, taken) => isAcceptedRecord(known, order, taken);
  const inquirer = createInquirer(
    {
      record: timing(graceMs),
      opening: timing(auditWindowMs),
      report: timing(2 * callTimeoutMs),
      commitment: (job) => timing(computeJobWindow(job, { callTimeoutMs, mostMs: Math.ceil(auditWindowMs / 3) })),
    },
    {
      ...{ crypto, clock, awake, store, group, signal },
      isConnected: () => isConnected(state),
      latestEpoch: () => archive.latest().epoch,
      async showRecord(provider: Peer, replyId: Uint8Array, call: VerifierCallOptions) {
        const { push, intake, recordHash } = await links.to(ProviderService, provider).showRecord({ replyId }, call);
        if (push !== undefined) return readHanded(push);
        if (intake === undefined) throw new NoAnswer('the answer has no record');
        return { intake, recordHash };
      },
      isTaken,
      isOwnRound,
      async getOpening(provider, replyId, call) {
        return (await links.to(ProviderService, provider).getOpening({ replyId }, call)).opening;
      },
      getBlob: (provider, replyId, ref, blind, call) =>
        fetchBlob(
          links.to(ProviderService, provider),
          { replyId, ref, blind },
          { crypto, maxBytes: MAX_ROWS_BYTES, ...call },
        ),
      getMedia: (provider, replyId, blind, call) =>
        readMedia(crypto, links.to(ProviderService, provider), { replyId, blind, call }),
      getTexts: (provider, asked, call) => links.to(ProviderService, provider).getTexts(toTextsMessage(asked), call),
      commit: (verifier, job, call) => links.to(VerifierService, verifier).commit(job, call),
      reveal: (verifier, job, call) =>
        links.to(VerifierService, verifier).reveal({ ...job, round: [...job.round] }, call),
      checkSubmission: (order, submission) => intake.checkSubmission(order, submission),
    },
  );
  const witness: WitnessState = {
    ...{ crypto, clock, store, ledger: chain.ledger, signer, inquirer, isOwnRound, isTaken },
    learnOrderKey: state.learnOrderKey,
    findBeacon: (epoch) => getBeacon(state, epoch),
    findMembers: (epoch) => findMembers(state, epoch),
  };
  const contest = createContest({
    ...witness,
    group,
    async askWitness(member, ask) {
      const peer = chain.recallByAddress(member.address);
      if (peer === undefined) throw new Error(`${toHex(member.address)} is no validator any more`);
      const timeoutMs = Math.max(graceMs, auditWindowMs);
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      return readWitnessAnswer(await link.witness(writeWitnessAsk(ask), { timeoutMs, signal }));
    },
    onAnswer: (kind) => metrics.witnesses.inc({ answer: kind }),
    onError: (err, replyId) => log.debug({ err, replyId: toHex(replyId) }, 'a witness could not be asked'),
  });
  return { witness, contest };
}
