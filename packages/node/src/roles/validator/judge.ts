import { adjudicateReport, checkReportShape, combineReports, type ReportVerdict } from '@ogong/protocol/adjudicate';
import { type AuditDraw, assignVerifier } from '@ogong/protocol/audit';
import { createWriter, equalBytes, ProtocolError } from '@ogong/protocol/bytes';
import { encodeDomain } from '@ogong/protocol/canonical';
import { type Check, fail, pass } from '@ogong/protocol/checks';
import type { Crypto } from '@ogong/protocol/crypto';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/hybrid';
import { type Opening, parseOpening } from '@ogong/protocol/opening';
import type { RecordV2 } from '@ogong/protocol/record';
import { type Replay, replayReply } from '@ogong/protocol/replay';
import { parseScoreReport, type ScoreReport } from '@ogong/protocol/score-report';
import type { EvidenceKind } from '@ogong/protocol/verdict-log';
import { type Claim, type SignedRecord, verifySignedRecord } from './claim.ts';
import type { AuditEvidence, Evidence, EvidenceCandidate, SignedReport } from './evidence.ts';

/** From evidence to verdict: the same function for whoever decides and for whoever co-signs. */
export interface Judgement {
  readonly verdict: 'accept' | 'reject' | 'inconclusive';
  readonly evidence: EvidenceKind;
  readonly checks: readonly Check[];
  /** Whose reports counted or were asked for, in order. */
  readonly verifierIds: readonly Uint8Array[];
  /** Verifiers that the other reports refute. */
  readonly marked: readonly Uint8Array[];
}

export type JudgeErrorCode = 'proves-nothing' | 'wrong-verifier' | 'bad-report';

/** Evidence that does not carry its own weight: the one who brought it is wrong, not the provider. */
export class JudgeError extends Error {
  override readonly name = 'JudgeError';
  readonly code: JudgeErrorCode;
  readonly retryable = false;
  constructor(code: JudgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface Judged {
  readonly claim: Pick<Claim, 'order' | 'record'> & { readonly header?: Claim['header'] };
  readonly signed: SignedRecord;
  readonly validator: Uint8Array;
  /** Beacon that selected the reply; only stage 2 needs it. */
  readonly draw: AuditDraw | undefined;
  /** Whether the first attempt may have gone to a verifier that the operators agreed on, named by its key hash. */
  readonly allowFixedVerifier: boolean;
}

const JOB_DOMAIN = encodeDomain('ogong-job-v1');

/** Follows from the reply, so that a validator that restarts asks for the same job again. 16 bytes. */
export function computeJobId(
  crypto: Crypto,
  { validator, replyId, attempt }: { validator: Uint8Array; replyId: Uint8Array; attempt: number },
): Uint8Array {
  const bytes = createWriter().bytes(JOB_DOMAIN).bytes(validator, 20).bytes(replyId, 16).u32(attempt).finish();
  return crypto.sha256(bytes).slice(0, 16);
}

export interface Opened {
  readonly opening: Opening;
  readonly replay: Replay;
  /** `nothing`: not an opening of this record; `refuted`: the record's own bytes contradict it. */
  readonly outcome: 'nothing' | 'refuted' | 'consistent';
}

/** Stage 1. */
export function openReply(crypto: Crypto, record: RecordV2, bytes: Uint8Array): Opened | undefined {
  let opening: Opening;
  try {
    opening = parseOpening(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  const replay = replayReply(crypto, record, opening);
  const failed = replay.checks.find(({ status }) => status === 'fail');
  const outcome = failed === undefined ? 'consistent' : failed.id === 'commitment-root' ? 'nothing' : 'refuted';
  return { opening, replay, outcome };
}

/** A report that answers the job, or why it does not. */
export function readReport(
  crypto: Crypto,
  judged: Judged,
  opened: Opened,
  { candidate, attempt, signed }: { candidate: EvidenceCandidate; attempt: number; signed: SignedReport },
): { readonly report: ScoreReport } | { readonly problem: string } {
  const { record, order } = judged.claim;
  if (!equalBytes(hashHybridKey(crypto, signed.verifierKey), candidate.keyHash)) {
    return { problem: 'signed by another key than the verifier announced' };
  }
  const { verifierKey: publicKey, signature } = signed;
  if (!verifyHybrid(crypto, { publicKey, message: signed.report, signature })) return { problem: 'a signature fails' };
  let report: ScoreReport;
  try {
    report = parseScoreReport(signed.report);
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message };
    throw error;
  }
  const { header } = opened.replay;
  if (header === undefined) return { problem: 'the reply has no header' };
  const jobId = computeJobId(crypto, { validator: judged.validator, replyId: order.replyId, attempt });
  const shape = checkReportShape(report, { jobId, modelRoot: record.modelRoot, header, replay: opened.replay });
  return shape.status === 'pass' ? { report } : { problem: shape.detail };
}

/** One well-formed report against the reply. */
export function weighReport(
  crypto: Crypto,
  { claim }: Judged,
  { opening, replay }: Opened,
  report: ScoreReport,
): ReportVerdict & { exact: boolean } {
  const header = replay.header;
  if (header === undefined) throw new JudgeError('proves-nothing', 'the reply has no header');
  const verdict = adjudicateReport(crypto, { record: claim.record, header, opening }, report);
  const exact = verdict.checks.some(({ id, status }) => id === 'equality' && status !== 'skip');
  return { ...verdict, exact };
}

/** A verifier outside the draw: who it is follows from its key alone. */
export function toFixedCandidate(keyHash: Uint8Array): EvidenceCandidate {
  return { providerId: keyHash, payee: new Uint8Array(20), keyHash };
}

/** The candidate that the beacon draws for the next attempt. */
export function drawVerifier(
  crypto: Crypto,
  { claim, draw }: Pick<Judged, 'draw'> & { readonly claim: Pick<Claim, 'order' | 'header'> },
  candidates: readonly EvidenceCandidate[],
  tried: readonly Uint8Array[],
): EvidenceCandidate | undefined {
  if (draw === undefined) return undefined;
  const { order, header } = claim;
  const drawn = assignVerifier(crypto, {
    draw,
    modelRoot: order.modelRoot,
    server: { providerId: order.providerId, payee: header.payee },
    candidates: candidates.map((candidate) => ({ ...candidate, modelRoot: order.modelRoot })),
    tried,
  });
  return drawn && { providerId: drawn.providerId, payee: drawn.payee, keyHash: drawn.keyHash };
}

/**
 * @throws JudgeError where the evidence does not prove what it is brought for; ClaimError where a record in it is no
 * record of this provider.
 */
export function judge(crypto: Crypto, judged: Judged, evidence: Evidence): Judgement {
  if (evidence.kind === 'withheld') {
    const checks = [fail('opening', 'the provider did not open its commitment within the audit window')];
    return { verdict: 'reject', evidence: 'statistical', checks, verifierIds: [], marked: [] };
  }
  if (evidence.kind === 'equivocation') return judgeEquivocation(crypto, judged, evidence);
  const opened = openReply(crypto, judged.claim.record, evidence.opening);
  if (opened === undefined || opened.outcome === 'nothing') {
    throw new JudgeError('proves-nothing', 'the bytes are not an opening of the signed record');
  }
  if (opened.outcome === 'refuted') {
    return { verdict: 'reject', evidence: 'exact', checks: opened.replay.checks, verifierIds: [], marked: [] };
  }
  return judgeReports(crypto, judged, evidence, opened);
}

function judgeEquivocation(
  crypto: Crypto,
  { claim, signed }: Judged,
  { record, signature }: { record: Uint8Array; signature: Uint8Array },
): Judgement {
  if (equalBytes(record, signed.record)) throw new JudgeError('proves-nothing', 'the two records are one');
  // The second record may name another request or model: only key and reply id tie it to the first.
  const second = verifySignedRecord(
    crypto,
    claim.order,
    { record, signature, providerKey: signed.providerKey },
    { replyOnly: true },
  );
  const checks = [fail('equivocation', `a second record with commitment ${shorten(second.commitRoot)} was signed`)];
  return { verdict: 'reject', evidence: 'exact', checks, verifierIds: [], marked: [] };
}

function shorten(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function judgeReports(crypto: Crypto, judged: Judged, evidence: AuditEvidence, opened: Opened): Judgement {
  const header = opened.replay.header as Claim['header'];
  const full = { ...judged, claim: { ...judged.claim, header } };
  const tried: Uint8Array[] = [];
  const verdicts: (ReportVerdict & { exact: boolean })[] = [];
  const reporters: Uint8Array[] = [];
  const keys: Uint8Array[] = [];
  for (const [attempt, { verifierId, signed }] of evidence.attempts.entries()) {
    const drawn = drawVerifier(crypto, full, evidence.candidates, tried);
    const isFixed = judged.allowFixedVerifier && attempt === 0 && !(drawn && equalBytes(drawn.providerId, verifierId));
    const candidate = isFixed ? toFixedCandidate(verifierId) : drawn;
    if (candidate === undefined || !equalBytes(candidate.providerId, verifierId)) {
      throw new JudgeError('wrong-verifier', `attempt ${attempt} went to a verifier that the beacon did not draw`);
    }
    tried.push(verifierId);
    if (signed === undefined) continue;
    const read = readReport(crypto, judged, opened, { candidate, attempt, signed });
    if ('problem' in read) throw new JudgeError('bad-report', `attempt ${attempt}: ${read.problem}`);
    if (keys.some((key) => equalBytes(key, candidate.keyHash))) {
      throw new JudgeError('bad-report', `attempt ${attempt}: the same key reports twice`);
    }
    keys.push(candidate.keyHash);
    verdicts.push(weighReport(crypto, judged, opened, read.report));
    reporters.push(verifierId);
  }
  const checks = [...opened.replay.checks, ...verdicts.flatMap((verdict) => verdict.checks)];
  if (verdicts.length === 0) {
    checks.push(pass('verifier', 'no verifier of this model answered within the audit window'));
    return { verdict: 'inconclusive', evidence: 'none', checks, verifierIds: tried, marked: [] };
  }
  const { decision, marked } = combineReports(verdicts, false);
  // One verifier's word does not cost a fee while another could have been asked.
  const isAlone = decision === 'reject' && verdicts.length === 1;
  const hasAnother = isAlone && drawVerifier(crypto, full, evidence.candidates, tried) !== undefined;
  const verdict = decision === 'ask-another' || hasAnother ? 'inconclusive' : decision;
  const agreeing = verdicts.filter(({ outcome, exact }) => exact && outcome === verdict).length;
  const isExact = verdict === 'accept' ? agreeing >= 1 : verdict === 'reject' && agreeing >= 2;
  return {
    verdict,
    evidence: isExact ? 'exact' : 'statistical',
    checks,
    verifierIds: tried,
    marked: marked.map((index) => reporters[index] as Uint8Array),
  };
}
