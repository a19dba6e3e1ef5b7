import { equalBytes, ProtocolError, toHex } from '../../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../../base/checks.ts';
import { computeCommitment, type Opening } from '../../../commitment/opening.ts';
import { parseRecordV2, type RecordV2 } from '../../../commitment/record.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../../../crypto/hybrid.ts';
import { isEqualityDue } from '../../../tier/exact-class.ts';
import { type Header, parseHeader } from '../commitment/header.ts';
import { computeStage, cutPosition, type DivergenceEvidence, describeStage, isSameRow } from './divergence.ts';
import { parseTraceReport, type SignedTrace, type TraceReport } from './trace-report.ts';

/** The side whose values a third machine computes; `unproven` if evidence or third trace are invalid. */
export type DivergenceSide = 'provider' | 'verifier' | 'neither' | 'unproven';

export interface DivergenceVerdict {
  readonly side: DivergenceSide;
  /**
   * The first stage at which the provider's computation differs from both others, if the third machine confirms that too. It is
   * a stage of its trace. It is their number if all stages agree and only the commitment differs.
   */
  readonly stage: number | undefined;
  readonly checks: readonly Check[];
}

export interface DisputedReply {
  /** SHA-256 of the key that signed the record. */
  readonly providerId: Uint8Array;
  /** Signed bytes of the record. Its signature is already verified. */
  readonly record: Uint8Array;
  readonly opening: Opening;
}

/**
 * Compares evidence of a divergence, and the trace of a third machine, with the provider's commitment. Only committed values
 * decide which side is right. A layer's hash is just the tracer's claim, which it can choose freely. The checks concern the
 * evidence: all of them pass if the provider is refuted and the layer confirmed.
 */
export function verifyDivergence(
  crypto: Crypto,
  evidence: DivergenceEvidence,
  { disputed, third }: { readonly disputed: DisputedReply; readonly third: SignedTrace },
): DivergenceVerdict {
  try {
    return verify(crypto, evidence, disputed, third);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { side: 'unproven', stage: undefined, checks: [fail('divergence-form', error.message)] };
  }
}

function verify(
  crypto: Crypto,
  evidence: DivergenceEvidence,
  { providerId, record: recordBytes, opening }: DisputedReply,
  third: SignedTrace,
): DivergenceVerdict {
  const record = parseRecordV2(recordBytes);
  const header = parseHeader(opening.header);
  const { position, verifier, provider } = evidence;
  const stage = computeStage(evidence);
  const own = parseTraceReport(verifier.report);
  const confirming = parseTraceReport(third.report);
  const claims = { crypto, recordHash: crypto.sha256(recordBytes), record, header, position };
  const checks: Check[] = [
    equalBytes(computeCommitment(crypto, opening).root, record.commitRoot)
      ? pass('divergence-opening', 'the opened leaves hash to the signed commit_root')
      : fail('divergence-opening', 'the opened leaves do not hash to the signed commit_root'),
    checkSigners(crypto, { provider, verifier, third }, providerId),
    checkAbout('verifier-trace', claims, own),
    checkAbout('third-trace', claims, confirming),
  ];
  if (checks.some(({ status }) => status === 'fail')) return { side: 'unproven', stage: undefined, checks };
  const committed = cutPosition(header, opening.windows, position);
  if (isSameRow(committed, own.row)) {
    checks.push(fail('divergence', `the verifier computes the committed values at position ${position}`));
    return { side: 'unproven', stage: undefined, checks };
  }
  checks.push(pass('divergence', `position ${position}: the verifier computes other values than the committed ones`));
  const side = isSameRow(confirming.row, own.row)
    ? 'verifier'
    : isSameRow(confirming.row, committed)
      ? 'provider'
      : 'neither';
  const who = { verifier: "the verifier's values", provider: 'the committed values', neither: 'values of its own' }[
    side
  ];
  checks.push((side === 'verifier' ? pass : fail)('third-machine', `the third machine computes ${who}`));
  const located = side === 'verifier' ? checkStage(stage, own, confirming) : undefined;
  if (located !== undefined) checks.push(located);
  return { side, stage: located?.status === 'pass' ? stage : undefined, checks };
}

function checkSigners(
  crypto: Crypto,
  { provider, verifier, third }: { provider: SignedTrace | undefined; verifier: SignedTrace; third: SignedTrace },
  providerId: Uint8Array,
): Check {
  const id = 'trace-signatures';
  const all = provider === undefined ? [verifier, third] : [provider, verifier, third];
  for (const { report: message, key: publicKey, signature } of all) {
    if (!verifyHybrid(crypto, { publicKey, message, signature })) return fail(id, 'a signature does not hold');
  }
  const ids = [verifier, third].map(({ key }) => hashHybridKey(crypto, key));
  if (provider !== undefined && !equalBytes(hashHybridKey(crypto, provider.key), providerId)) {
    return fail(id, "the provider's trace is signed by another key than the record");
  }
  const [a, b] = ids as [Uint8Array, Uint8Array];
  if (equalBytes(a, b) || ids.some((each) => equalBytes(each, providerId))) {
    return fail(id, 'provider, verifier and third machine are not three parties');
  }
  return pass(id, `verifier ${toHex(a).slice(0, 16)}, third machine ${toHex(b).slice(0, 16)}`);
}

interface Claims {
  readonly crypto: Crypto;
  readonly recordHash: Uint8Array;
  readonly record: RecordV2;
  readonly header: Header;
  readonly position: number;
}

function checkAbout(id: string, { recordHash, record, header, position }: Claims, report: TraceReport): Check {
  if (!equalBytes(report.recordHash, recordHash) || report.position !== position) {
    return fail(id, 'about another record or position');
  }
  if (!equalBytes(report.modelRoot, record.modelRoot)) return fail(id, 'of another model');
  if (!isEqualityDue(report, header)) {
    return fail(id, `not exact for ${header.numericClass}: ${report.numericClass}`);
  }
  if (
    !equalBytes(report.promptTokensHash, header.promptTokensHash) ||
    !equalBytes(report.outputTokensHash, header.outputTokensHash)
  ) {
    return fail(id, 'over other tokens than the header commits');
  }
  return pass(id, `position ${position} in the exact class ${header.numericClass}`);
}

function checkStage(stage: number | undefined, own: TraceReport, third: TraceReport): Check {
  const id = 'divergence-layer';
  if (stage === undefined) return skip(id, 'the provider gave no trace: the layer is not known');
  const count = own.stages.length;
  const isConfirmed =
    third.stages.length === count &&
    own.stages.slice(0, stage + 1).every((hash, i) => equalBytes(hash, third.stages[i] as Uint8Array));
  const where = describeStage(stage, count);
  return isConfirmed
    ? pass(id, `the provider's computation parts from the others' at ${where}`)
    : fail(id, `the third machine does not confirm the verifier's layers up to ${where}`);
}
