import { type AuditDraw, assignVerifier, hasHoneypot } from '../audit/audit.ts';
import { createReader, createWriter, equalBytes } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { NamedOrder } from '../exchange/order.ts';
import type { Header } from '../modality/text/commitment/header.ts';
import { tokenOf } from '../modality/text/commitment/window.ts';
import { readScoreReport } from '../modality/text/read-report.ts';
import { encodeScored, type ScoredReply } from '../modality/text/scored-reply.ts';
import type { Replay } from '../modality/text/stage1/replay.ts';
import { fillRound, hashScoreInputs, type ScoreInputs } from '../modality/text/stage2/score-commitment.ts';
import { parseScoreReport, type ScoreReport } from '../modality/text/stage2/score-report.ts';
import { countScored } from '../modality/text/stage2/scored-prefix.ts';
import { isText } from '../modality/text/text.ts';
import type { VerifierMark } from '../settlement/verdict-log.ts';
import { isExactClass } from '../tier/exact-class.ts';
import type { DriftPolicy } from './drift-policy.ts';
import type { EvidenceCandidate, HoneypotEvidence } from './evidence.ts';
import { isDrifted, isProven, judgeHoneypot, type PlantedReply, plantBad } from './honeypot-judge.ts';
import type { OpenedReply } from './opened-reply.ts';
import { findCommitmentProblem, type ReportSubject, readReport } from './report-check.ts';
import { computeJobId } from './verifier-draw.ts';

/**
 * A job with a known answer, which goes along with an audit (docs/spec/validator.md#honeypots): who gets it and what it is about follow
 * from the beacon, the reply and a nonce, so a co-signer that has the nonce computes the same.
 */
const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v3');
const SEED_DOMAIN = encodeDomain('ogong-honeypot-seed-v1');

/** 16 bytes: by what its verifier is drawn and its job named, so that neither is that of an attempt of the audit. */
export function computeHoneypotId(crypto: Crypto, replyId: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(HONEYPOT_DOMAIN).bytes(replyId, 16).finish()).slice(0, 16);
}

/** The audit that a honeypot goes along with. */
export interface HoneypotOccasion {
  readonly draw: AuditDraw | undefined;
  readonly order: Pick<NamedOrder, 'replyId' | 'modelRoot' | 'providerId'>;
  /** Of the first sitting. */
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  /** Honeypots per audit, parts per million. */
  readonly honeypotPpm: number;
}

/**
 * The verifier of an audit's honeypot, of an operator that is asked nothing else in its first round.
 * @returns undefined where the audit has none: the beacon draws none, no two are asked, the reply is no text, or nobody has room.
 */
export function drawHoneypot(
  crypto: Crypto,
  { reply }: Pick<OpenedReply, 'reply'>,
  { draw, order, candidates, pair, honeypotPpm }: HoneypotOccasion,
): EvidenceCandidate | undefined {
  if (draw === undefined || pair.length < 2 || !isText(reply) || reply.header === undefined) return undefined;
  if (!hasHoneypot(crypto, draw, honeypotPpm)) return undefined;
  const { payee, promptTokenCount, outputTokenCount } = reply.header;
  const { modelRoot, providerId, replyId } = order;
  const roomy = candidates.filter(({ contextSize }) => contextSize >= promptTokenCount + outputTokenCount);
  const drawn = assignVerifier(crypto, {
    draw: { ...draw, replyId: computeHoneypotId(crypto, replyId) },
    modelRoot,
    server: { providerId, payee },
    candidates: roomy.map((candidate) => ({ ...candidate, candidate, modelRoot })),
    tried: pair.map((one) => one.providerId),
    heard: pair.map((one) => one.operator),
  });
  return drawn?.candidate;
}

/**
 * The reply as its verifier gets it: as it was, or with one token replaced.
 * @param nonce 16 bytes that nobody but the validator knows before the verdict.
 */
export function plantHoneypot(
  crypto: Crypto,
  { rows }: Pick<Replay, 'rows'>,
  { beacon, replyId }: Pick<AuditDraw, 'beacon' | 'replyId'>,
  nonce: Uint8Array,
): PlantedReply {
  const writer = createWriter().bytes(SEED_DOMAIN).bytes(beacon, 32).bytes(replyId, 16).bytes(nonce, 16);
  const seed = crypto.sha256(writer.finish());
  const isBad = (createReader(seed).u8() & 1) === 1;
  return isBad ? plantBad(crypto, rows, seed) : { outputTokens: rows.map(tokenOf), position: undefined };
}

/** What the verifier of a honeypot is asked to score. */
export interface PlantedJob extends ScoredReply {
  readonly shapeClasses: Uint8Array;
  /** Of the request's exact bytes. */
  readonly requestHash: Uint8Array;
  /** In which the verifier has signed that it computes the model. */
  readonly endorsedClass: string;
}

/** What is asked, as the bytes that the verifier gets, and how what it opens is read. */
export function describePlanted(
  crypto: Crypto,
  { requestHash, endorsedClass, ...scored }: PlantedJob,
): { readonly inputs: Omit<ScoreInputs, 'requestHash'>; readonly subject: ReportSubject<PlantedAnswer> } {
  const { header, listSizes, outputTokens, shapeClasses, tailDraws, modelRoot } = scored;
  const inputs = encodeScored(scored);
  const rows = Array.from(listSizes, (size) => ({ ...NO_ROW, ids: new Uint32Array(size) }));
  const replay = { checks: [], header, rows, outputTokens: Uint32Array.from(outputTokens), shapeClasses, tailDraws };
  const inputsHash = hashScoreInputs(crypto, { requestHash, ...inputs });
  return {
    inputs,
    subject: {
      inputsHash,
      read(bytes, { jobId }) {
        const read = readScoreReport(bytes, { jobId, modelRoot, header, replay, contextSize: 0 });
        if ('problem' in read) return read;
        const problem = findWithdrawal(read.report, { header, positions: rows.length, endorsedClass });
        return problem === undefined ? read : { problem, isWellFormed: true };
      },
    },
  };
}

type PlantedAnswer = { readonly report: ScoreReport } | { readonly problem: string; readonly isWellFormed?: true };
const NO_ROW = { q: new Uint32Array(0), tail: 0, rank: 0 };

/** Why a report does not do what its verifier has signed for: room for all of it, and its class. No fault that others could see. */
function findWithdrawal(
  report: ScoreReport,
  { header, positions, endorsedClass }: { header: Header; positions: number; endorsedClass: string },
): string | undefined {
  if (countScored(report, positions) < positions)
    return `scored with a context of ${report.contextSize} tokens; the verifier announced room for all`;
  if (!isDenial(report, header, endorsedClass)) return undefined;
  return `the verifier has signed that it computes in ${endorsedClass}, and its report denies it`;
}

/** As of any report (opened-reply.ts). */
function isDenial(report: ScoreReport, { numericClass }: Header, endorsedClass: string): boolean {
  if (endorsedClass !== numericClass || !isExactClass(endorsedClass)) return false;
  return report.numericClass !== endorsedClass || !(report.exact || report.windows.length === 0);
}

export interface HoneypotContext extends HoneypotOccasion {
  readonly order: NamedOrder;
  readonly endpoint: string;
  readonly validator: Uint8Array;
  /** What both verifiers of the pair reported, see Judgement. */
  readonly agreed: Uint8Array;
  /** All who were asked about the reply, in any round. */
  readonly asked: readonly Pick<EvidenceCandidate, 'keyHash' | 'operator'>[];
  readonly drift: DriftPolicy | undefined;
}

/**
 * What the answer to a honeypot says of who gave it: refuted where equality shows it wrong, or where it opens the commitment and answers
 * nothing; credited otherwise, also where it is unlikely by measured drift.
 * @returns or why the evidence is none.
 */
export function markHoneypot(
  crypto: Crypto,
  { reply, opening }: OpenedReply,
  context: HoneypotContext,
  { verifierId, nonce, committed, opened }: HoneypotEvidence,
): { readonly mark: VerifierMark; readonly isDrifted: boolean } | { readonly problem: string } {
  const { draw, order, endpoint, validator, agreed, asked, drift } = context;
  const drawn = drawHoneypot(crypto, { reply }, context);
  if (drawn === undefined || draw === undefined || !isText(reply) || reply.header === undefined)
    return { problem: 'the beacon draws no honeypot for this audit' };
  if (!equalBytes(drawn.providerId, verifierId))
    return { problem: 'it went to a verifier that the beacon did not draw' };
  if (asked.some((one) => equalBytes(one.keyHash, drawn.keyHash) || equalBytes(one.operator, drawn.operator)))
    return { problem: 'its verifier was asked about the reply, too' };
  const { header, replay } = reply;
  const { payee, keyHash, numericClass: endorsedClass } = drawn;
  const jobId = computeJobId(crypto, {
    ...{ validator, attempt: 0, nonce },
    replyId: computeHoneypotId(crypto, order.replyId),
  });
  const problem = findCommitmentProblem(crypto, { jobId, keyHash, committed });
  if (problem !== undefined) return { problem };
  const { outputTokens, position } = plantHoneypot(crypto, replay, draw, nonce);
  const { subject } = describePlanted(crypto, {
    ...{ endpoint, modelRoot: order.modelRoot, blind: opening.blind, header, outputTokens, endorsedClass },
    ...{ requestHash: order.requestHash, shapeClasses: replay.shapeClasses, tailDraws: replay.tailDraws },
    listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
  });
  const round = fillRound(crypto, [committed.digest], nonce);
  const read = readReport(crypto, { jobId, committed, opened, round }, subject);
  const refuted: VerifierMark = { verifierId, payee, outcome: 'refuted' };
  if ('problem' in read) return read.isUnreadable && !read.isWellFormed ? { mark: refuted, isDrifted: false } : read;
  const { report } = read;
  const answer = { header, report: parseScoreReport(agreed) };
  const verdict = judgeHoneypot(crypto, answer, { position }, report, drift);
  if (isProven(verdict)) return { mark: refuted, isDrifted: false };
  const tokens = header.promptTokenCount + countScored(report, replay.rows.length);
  const mark: VerifierMark = { verifierId, payee, outcome: 'credited', tokens: Math.min(tokens, MAX_TOKENS) };
  return { mark, isDrifted: isDrifted(verdict) };
}

/** Room of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;
