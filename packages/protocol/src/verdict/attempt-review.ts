import { equalBytes } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { parseAnnouncement } from '../exchange/announcement.ts';
import { hashJobRound } from '../exchange/round-signature.ts';
import { hashAskedJob, hashAskedReport } from '../exchange/silence.ts';
import { NO_DRAW } from '../modality/modality.ts';
import { fillRound, hashScoreInputs } from '../modality/shared/score-commitment.ts';
import { HALF_HOUR_MS, toHalfHour } from '../settlement/silence-count.ts';
import type { VerifierMark } from '../settlement/verdict-log.ts';
import type { Attempt, EvidenceCandidate } from './evidence.ts';
import { JudgeError, type JudgementContext } from './judgement.ts';
import { type OpenedReply, readVerifierReport } from './opened-reply.ts';
import { findCommitmentProblem, readReport, type WeighedReport, weighReport } from './report-check.ts';
import { type AttemptSummary, computeJobId } from './verifier-draw.ts';
import { findSilenceProblem, findSilentMs } from './witnessed.ts';

/** Creates the candidate for a verifier outside the draw, from its key alone. */
function toFixedCandidate(keyHash: Uint8Array): EvidenceCandidate {
  const unknown = { payee: new Uint8Array(20), numericClass: '', contextSize: 0, weight: 1n };
  return { ...unknown, providerId: keyHash, keyHash, operator: keyHash };
}

/** One attempt, with the verifier that was drawn for it. */
export interface AttemptReview extends AttemptSummary {
  readonly candidate: EvidenceCandidate;
  /** The mark for its silence, if there is one. */
  readonly silence: readonly VerifierMark[];
}

/** @throws JudgeError */
export function findDrawn(
  judged: JudgementContext,
  { verifierId }: Attempt,
  index: number,
  drawn: EvidenceCandidate | undefined,
): EvidenceCandidate {
  if (drawn && equalBytes(drawn.providerId, verifierId)) return drawn;
  if (judged.allowFixedVerifier && index === 0) return toFixedCandidate(verifierId);
  throw new JudgeError('wrong-verifier', `attempt ${index} went to a verifier that the beacon did not draw`);
}

/** Weighs an attempt. @returns undefined if nothing was opened. @throws JudgeError */
export function weighAttempt(
  crypto: Crypto,
  judged: JudgementContext,
  reply: OpenedReply,
  {
    attempts,
    index,
    candidate,
    isDrawn,
  }: { attempts: readonly Attempt[]; index: number; candidate: EvidenceCandidate; isDrawn: boolean },
): WeighedReport | undefined {
  const { claim, validator, drift } = judged;
  const { committed, opened, nonce, round } = attempts[index] as Attempt;
  const jobId = computeJobId(crypto, { validator, replyId: claim.order.replyId, attempt: index, nonce });
  const { keyHash, contextSize, segment } = candidate;
  const endorsedClass = isDrawn ? candidate.numericClass : undefined;
  // Nobody else knows a verifier that the operators agreed on.
  if (opened === undefined && isDrawn && judged.witnessed !== undefined) {
    const digests = committed && listDigests(crypto, attempts, round);
    const inputsHash = hashInputs(crypto, judged, reply, { index, segment });
    const asked = { jobId, keyHash, inputsHash, round: digests, name: `attempt ${index}` };
    assertSilent(crypto, judged, attempts[index] as Attempt, asked);
  }
  if (committed === undefined) return undefined;
  const problem = findCommitmentProblem(crypto, { jobId, keyHash, committed });
  if (problem !== undefined) throw new JudgeError('bad-report', `attempt ${index}: ${problem}`);
  if (opened === undefined) return undefined;
  const inputsHash = hashInputs(crypto, judged, reply, { index, segment });
  const job = { jobId, committed, opened, round: listDigests(crypto, attempts, round) };
  const read = readReport(crypto, job, {
    inputsHash,
    read: (bytes) =>
      readVerifierReport(reply, bytes, {
        ...{ jobId, draw: judged.draw?.beacon ?? NO_DRAW, cohort: claim.cohort },
        ...{ contextSize, endorsedClass, segment },
      }),
  });
  if ('problem' in read && read.isUnreadable) return undefined;
  if ('problem' in read) throw new JudgeError('bad-report', `attempt ${index}: ${read.problem}`);
  return weighReport(read, drift);
}

/** Hashes the inputs that all verifiers of an audit attempt score. @throws JudgeError */
function hashInputs(
  crypto: Crypto,
  { claim: { endpoint, order, cohort }, draw }: Pick<JudgementContext, 'claim' | 'draw'>,
  { reply }: OpenedReply,
  { index, segment }: { readonly index: number; readonly segment: EvidenceCandidate['segment'] },
): Uint8Array {
  if (endpoint === undefined)
    throw new JudgeError('bad-report', `attempt ${index}: the reply that it is on is missing`);
  const inputs = reply.describeJob(endpoint, draw?.beacon ?? NO_DRAW, cohort, segment);
  return hashScoreInputs(crypto, { requestHash: order.requestHash, ...inputs });
}

/**
 * Asserts that witnesses gave the verifier the same job and got no commitment, or the same round and got no report. @throws
 * JudgeError
 */
export function assertSilent(
  crypto: Crypto,
  { claim, validator, witnessed }: JudgementContext,
  { verifierId: target, statements = [] }: Pick<Attempt, 'verifierId' | 'statements'>,
  asked: {
    readonly jobId: Uint8Array;
    readonly keyHash: Uint8Array;
    readonly inputsHash: Uint8Array;
    /** The round over which it had to open; undefined if it committed to nothing. */
    readonly round: readonly Uint8Array[] | undefined;
    readonly name: string;
  },
): void {
  const { jobId, keyHash, inputsHash, round, name } = asked;
  if (witnessed === undefined) return;
  const { replyId, orderHash } = claim.order;
  const job = hashAskedJob(crypto, { jobId, keyHash, inputsHash });
  const question = {
    target,
    ...(round
      ? {
          asked: 'report' as const,
          subject: hashAskedReport(crypto, { job, round: hashJobRound(crypto, { jobId, round }) }),
        }
      : { asked: 'commitment' as const, subject: job }),
  };
  const problem = witnessed.wasShown?.(question)
    ? `it gave its ${question.asked} here`
    : findSilenceProblem(crypto, { ...witnessed, ...question, replyId, orderHash, validator }, statements);
  if (problem === undefined) return;
  throw new JudgeError('proves-nothing', `${name}: a verifier is said to have been silent: ${problem}`);
}

/** Lists the digests over which every verifier of a round opens its report. */
export function listDigests(
  crypto: Crypto,
  attempts: readonly Pick<Attempt, 'round' | 'nonce' | 'committed'>[],
  round: number,
): Uint8Array[] {
  const asked = attempts.filter((attempt) => attempt.round === round);
  const digests = asked.flatMap(({ committed }) => (committed ? [committed.digest] : []));
  return fillRound(crypto, digests, (asked[0] as Attempt).nonce);
}

/**
 * Marks the silence of a verifier that had announced itself shortly before. Only statements of witnesses count. A validator
 * that is the whole quorum marks nobody. A refusal of the job is an answer, since others choose the jobs. After its own
 * commitment a verifier has to open the report, and a refusal counts.
 */
export function markSilence(
  {
    verifierId,
    statements = [],
    credential,
    committed,
  }: Pick<Attempt, 'verifierId' | 'statements' | 'credential' | 'committed'>,
  { payee }: EvidenceCandidate,
): readonly VerifierMark[] {
  const isAnswered = committed === undefined && statements.some(({ isRefused }) => isRefused);
  if (statements.length === 0 || credential === undefined || isAnswered) return [];
  const timeMs = findSilentMs(statements);
  const { issuedAtMs, expiresAtMs } = parseAnnouncement(credential.announcement);
  const isAnnounced = issuedAtMs <= timeMs && timeMs <= expiresAtMs + HALF_HOUR_MS;
  return isAnnounced ? [{ verifierId, payee, outcome: 'silent', halfHour: toHalfHour(timeMs) }] : [];
}
