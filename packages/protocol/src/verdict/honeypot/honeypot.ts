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
import { computeHoneypotId, computeHoneypotInput, toHoneypotNonce } from './honeypot-draw.ts';
import { isProven, isUnlikely, judgeHoneypot, type PlantedReply, plantBad } from './honeypot-judge.ts';

/** A job with a known answer, which goes along with an audit (docs/spec/honeypots.md): what it is about, and what an answer says. */
const SEED_DOMAIN = encodeDomain('ogong-honeypot-seed-v1');

/**
 * The reply as its verifier gets it: as it was, or with one token replaced.
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

/** VRF key of the handling validator where it is of the deciding epoch's set; `believed` where nobody says who the validators were. */
export type HoneypotKey = Uint8Array | 'believed' | undefined;

/** 16 bytes, that nobody but the validator knows before the verdict; undefined where the proof does not hold. */
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
  /** Whom the beacon draws for it, if anybody. */
  readonly drawn: EvidenceCandidate | undefined;
  /** What both verifiers of the pair reported, see Judgement. */
  readonly agreed: Uint8Array;
  readonly drift: DriftPolicy | undefined;
}

/** What the answer to a honeypot says of who gave it, or what has to be shown of its silence. */
export type HoneypotReview =
  | { readonly marks: readonly VerifierMark[]; readonly isSuspect?: boolean }
  | { readonly problem: string }
  | {
      readonly drawn: EvidenceCandidate;
      readonly jobId: Uint8Array;
      readonly inputsHash: Uint8Array;
      /** What it had to open over, where it committed. */
      readonly round: readonly Uint8Array[] | undefined;
    };

/**
 * Refuted where equality shows an answer wrong, or where it opens the commitment and answers nothing; doubted where it is unlikely by
 * measured drift; credited otherwise. An answer that withdraws what its verifier has signed for marks nobody.
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
  const verdict = judgeHoneypot(crypto, answer, { position }, report, drift);
  if (isProven(verdict)) return { marks: [refuted] };
  if (isUnlikely(verdict)) return { marks: [{ verifierId, payee, outcome: 'doubted' }] };
  const tokens = header.promptTokenCount + countScored(report, replay.rows.length);
  const credited: VerifierMark = { verifierId, payee, outcome: 'credited', tokens: Math.min(tokens, MAX_TOKENS) };
  return { marks: [credited], isSuspect: verdict.outcome === 'suspect' };
}

/** Room of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;
