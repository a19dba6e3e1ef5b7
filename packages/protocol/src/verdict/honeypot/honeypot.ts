import type { AuditDraw } from '../../audit/audit.ts';
import { createWriter, equalBytes } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { computeVrfOutput } from '../../crypto/vrf.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import type { PlantedAnswer, PlantedProblem, PlantedReply } from '../../modality/modality.ts';
import { fillRound, hashScoreInputs } from '../../modality/shared/score-commitment.ts';
import type { VerifierMark } from '../../settlement/verdict-log.ts';
import { type DriftPolicy, toRates } from '../drift-policy.ts';
import type { EvidenceCandidate, HoneypotEvidence } from '../evidence.ts';
import type { OpenedReply } from '../opened-reply.ts';
import { findCommitmentProblem, type ReportSubject, readReport } from '../report-check.ts';
import { computeJobId } from '../verifier-draw.ts';
import { computeHoneypotId, computeHoneypotInput, toHoneypotNonce } from './honeypot-draw.ts';

/**
 * A honeypot: a job with a known answer that goes along with an audit (docs/spec/honeypots.md). This file defines its outcome.
 * The modality of the reply defines its contents.
 */
const SEED_DOMAIN = encodeDomain('ogong-honeypot-seed-v1');

/**
 * Computes the seed from which a modality plants the reply, 32 bytes.
 * @param nonce 16 bytes, see toHoneypotNonce.
 */
export function computePlantSeed(
  crypto: Crypto,
  { beacon, replyId }: Pick<AuditDraw, 'beacon' | 'replyId'>,
  nonce: Uint8Array,
): Uint8Array {
  const writer = createWriter().bytes(SEED_DOMAIN).bytes(beacon, 32).bytes(replyId, 16).bytes(nonce, 16);
  return crypto.sha256(writer.finish());
}

/** Names the subject of a planted reply's report. @param requestHash of the request's exact bytes. */
export const toPlantedSubject = (
  crypto: Crypto,
  { inputs, read }: PlantedReply,
  requestHash: Uint8Array,
): ReportSubject<PlantedAnswer | PlantedProblem> => ({
  inputsHash: hashScoreInputs(crypto, { requestHash, ...inputs }),
  read,
});

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
 * - Refuted: it is provably wrong, or it opens the commitment without an answer.
 * - Doubted: it is unlikely by measured drift.
 * - Credited: all other answers.
 * An answer that breaks its verifier's own statement marks nobody.
 */
export function reviewHoneypot(
  crypto: Crypto,
  { reply }: OpenedReply,
  context: HoneypotContext,
  { verifierId, proof, committed, opened }: HoneypotEvidence,
): HoneypotReview {
  const { draw, drawn, order, endpoint, validator, agreed, drift, vrfKey } = context;
  if (drawn === undefined || draw === undefined || reply.plant === undefined)
    return { problem: 'the beacon draws no honeypot for this audit' };
  if (!equalBytes(drawn.providerId, verifierId))
    return { problem: 'it went to a verifier that the beacon did not draw' };
  if (vrfKey === undefined) return { problem: 'its validator was none of the epoch whose beacon draws it' };
  const nonce = readHoneypotNonce(crypto, vrfKey, draw, proof);
  if (nonce === undefined) return { problem: "its nonce is not what its validator's VRF key makes of the beacon" };
  const { payee, keyHash, numericClass: endorsedClass } = drawn;
  const replyId = computeHoneypotId(crypto, order.replyId);
  const jobId = computeJobId(crypto, { validator, replyId, attempt: 0, nonce });
  const problem = committed && findCommitmentProblem(crypto, { jobId, keyHash, committed });
  if (problem !== undefined) return { problem };
  const seed = computePlantSeed(crypto, draw, nonce);
  const planted = reply.plant({ endpoint, draw: draw.beacon, seed, endorsedClass });
  const subject = toPlantedSubject(crypto, planted, order.requestHash);
  const round = committed && fillRound(crypto, [committed.digest], nonce);
  if (committed === undefined || round === undefined || opened === undefined)
    return { drawn, jobId, inputsHash: subject.inputsHash, round };
  const read = readReport(crypto, { jobId, committed, opened, round }, subject);
  const refuted: VerifierMark = { verifierId, payee, outcome: 'refuted' };
  if ('problem' in read) {
    if (!read.isUnreadable) return { problem: read.problem };
    return { marks: read.isWellFormed ? [] : [refuted] };
  }
  const { outcome, isSuspect = false } = read.compare(
    agreed,
    drift && { table: drift.table, rates: toRates(drift.note) },
  );
  if (outcome === 'refuted') return { marks: [refuted] };
  if (outcome === 'doubted') return { marks: [{ verifierId, payee, outcome }] };
  return { marks: [{ verifierId, payee, outcome, tokens: Math.min(read.tokens, MAX_TOKENS) }], isSuspect };
}

/** The largest value of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;
