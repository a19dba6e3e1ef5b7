import type { AuditDraw } from '../../audit/audit.ts';
import { createReader, createWriter, equalBytes } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { computeVrfOutput } from '../../crypto/vrf.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { fillRound, hashScoreInputs, type ScoreInputs } from '../../modality/shared/score-commitment.ts';
import type { Header } from '../../modality/text/commitment/header.ts';
import { tokenOf } from '../../modality/text/commitment/window.ts';
import { readScoreReport } from '../../modality/text/read-report.ts';
import { encodeScored, type ScoredReply } from '../../modality/text/scored-reply.ts';
import type { Replay } from '../../modality/text/stage1/replay.ts';
import { parseScoreReport, type ScoreReport } from '../../modality/text/stage2/score-report.ts';
import { countScored } from '../../modality/text/stage2/scored-prefix.ts';
import { isText } from '../../modality/text/text.ts';
import type { VerifierMark } from '../../settlement/verdict-log.ts';
import { isExactClass } from '../../tier/exact-class.ts';
import type { DriftPolicy } from '../drift-policy.ts';
import type { EvidenceCandidate, HoneypotEvidence } from '../evidence.ts';
import type { OpenedReply } from '../opened-reply.ts';
import { findCommitmentProblem, type ReportSubject, readReport } from '../report-check.ts';
import { computeJobId } from '../verifier-draw.ts';
import { checkHoneypot, isProven, isUnlikely, type PlantedReply, plantBad } from './honeypot-check.ts';
import { computeHoneypotId, computeHoneypotInput, toHoneypotNonce } from './honeypot-draw.ts';

/**
 * A honeypot: a job with a known answer that goes along with an audit (docs/spec/honeypots.md). This file defines its contents
 * and its outcome.
 */
const SEED_DOMAIN = encodeDomain('ogong-honeypot-seed-v1');

/**
 * Plants the reply that its verifier receives: unchanged, or with one token replaced.
 * @param nonce 16 bytes, see toHoneypotNonce.
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

/** The job of a honeypot's verifier. */
export interface PlantedJob extends ScoredReply {
  readonly shapeClasses: Uint8Array;
  /** Hash of the request's exact bytes. */
  readonly requestHash: Uint8Array;
  /** The class in which the verifier has signed that it computes the model. */
  readonly endorsedClass: string;
}

/** Describes the job as the bytes that the verifier receives, and the reader of its report. */
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

/**
 * Finds the reason that a report breaks its verifier's own statement: room for the whole job, and its class. Others cannot see
 * this fault.
 */
function findWithdrawal(
  report: ScoreReport,
  { header, positions, endorsedClass }: { header: Header; positions: number; endorsedClass: string },
): string | undefined {
  if (countScored(report, positions) < positions)
    return `scored with a context of ${report.contextSize} tokens; the verifier announced room for all`;
  if (!isDenial(report, header, endorsedClass)) return undefined;
  return `the verifier has signed that it computes in ${endorsedClass}, and its report denies it`;
}

/** Applies the rule for any report (opened-reply.ts). */
function isDenial(report: ScoreReport, { numericClass }: Header, endorsedClass: string): boolean {
  if (endorsedClass !== numericClass || !isExactClass(endorsedClass)) return false;
  return report.numericClass !== endorsedClass || !(report.exact || report.windows.length === 0);
}

/** VRF key of the handling validator if it belongs to the deciding epoch's set; `believed` if the validators are not known. */
export type HoneypotKey = Uint8Array | 'believed' | undefined;

/** Reads the nonce, 16 bytes, which only the validator knows before the verdict; undefined if the proof is invalid. */
export function readHoneypotNonce(
  crypto: Crypto,
  vrfKey: NonNullable<HoneypotKey>,
  draw: Pick<AuditDraw, 'beacon' | 'replyId'>,
  proof: Uint8Array,
): Uint8Array | undefined {
  const isBelieved = vrfKey === 'believed';
  const output = isBelieved
    ? computeVrfOutput(proof)
    : crypto.verifyVrf(vrfKey, computeHoneypotInput(crypto, draw), proof);
  return output && toHoneypotNonce(output);
}

export interface HoneypotContext {
  readonly draw: AuditDraw | undefined;
  readonly order: NamedOrder;
  readonly endpoint: string;
  readonly validator: Uint8Array;
  readonly vrfKey: HoneypotKey;
  /** The candidate that the beacon draws for it, if there is one. */
  readonly drawn: EvidenceCandidate | undefined;
  /** The common report of both verifiers of the pair, see Judgement. */
  readonly agreed: Uint8Array;
  readonly drift: DriftPolicy | undefined;
}

/** The mark of the answer's verifier, or the proof that its silence requires. */
export type HoneypotReview =
  | { readonly marks: readonly VerifierMark[]; readonly isSuspect?: boolean }
  | { readonly problem: string }
  | {
      readonly drawn: EvidenceCandidate;
      readonly jobId: Uint8Array;
      readonly inputsHash: Uint8Array;
      /** The round over which it had to open, if it committed. */
      readonly round: readonly Uint8Array[] | undefined;
    };

/**
 * Reviews the answer to a honeypot.
 * - Refuted: equality shows that it is wrong, or it opens the commitment without an answer.
 * - Doubted: it is unlikely by measured drift.
 * - Credited: all other answers.
 * An answer that breaks its verifier's own statement marks nobody.
 */
export function reviewHoneypot(
  crypto: Crypto,
  { reply, opening }: OpenedReply,
  context: HoneypotContext,
  { verifierId, proof, committed, opened }: HoneypotEvidence,
): HoneypotReview {
  const { draw, drawn, order, endpoint, validator, agreed, drift, vrfKey } = context;
  if (drawn === undefined || draw === undefined || !isText(reply) || reply.header === undefined)
    return { problem: 'the beacon draws no honeypot for this audit' };
  if (!equalBytes(drawn.providerId, verifierId))
    return { problem: 'it went to a verifier that the beacon did not draw' };
  if (vrfKey === undefined) return { problem: 'its validator was none of the epoch whose beacon draws it' };
  const nonce = readHoneypotNonce(crypto, vrfKey, draw, proof);
  if (nonce === undefined) return { problem: "its nonce is not what its validator's VRF key makes of the beacon" };
  const { header, replay } = reply;
  const { payee, keyHash, numericClass: endorsedClass } = drawn;
  const replyId = computeHoneypotId(crypto, order.replyId);
  const jobId = computeJobId(crypto, { validator, replyId, attempt: 0, nonce });
  const problem = committed && findCommitmentProblem(crypto, { jobId, keyHash, committed });
  if (problem !== undefined) return { problem };
  const { outputTokens, position } = plantHoneypot(crypto, replay, draw, nonce);
  const { subject } = describePlanted(crypto, {
    ...{ endpoint, modelRoot: order.modelRoot, blind: opening.blind, header, outputTokens, endorsedClass },
    ...{ requestHash: order.requestHash, shapeClasses: replay.shapeClasses, tailDraws: replay.tailDraws },
    listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
  });
  const round = committed && fillRound(crypto, [committed.digest], nonce);
  if (committed === undefined || round === undefined || opened === undefined)
    return { drawn, jobId, inputsHash: subject.inputsHash, round };
  const read = readReport(crypto, { jobId, committed, opened, round }, subject);
  const refuted: VerifierMark = { verifierId, payee, outcome: 'refuted' };
  if ('problem' in read) {
    if (!read.isUnreadable) return { problem: read.problem };
    return { marks: read.isWellFormed ? [] : [refuted] };
  }
  const { report } = read;
  const answer = { header, report: parseScoreReport(agreed) };
  const verdict = checkHoneypot(crypto, answer, { position }, report, drift);
  if (isProven(verdict)) return { marks: [refuted] };
  if (isUnlikely(verdict)) return { marks: [{ verifierId, payee, outcome: 'doubted' }] };
  const tokens = header.promptTokenCount + countScored(report, replay.rows.length);
  const credited: VerifierMark = { verifierId, payee, outcome: 'credited', tokens: Math.min(tokens, MAX_TOKENS) };
  return { marks: [credited], isSuspect: verdict.outcome === 'suspect' };
}

/** The largest value of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;
