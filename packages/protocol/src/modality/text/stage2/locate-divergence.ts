import { equalBytes, ProtocolError } from '../../../base/bytes.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../../../crypto/hybrid.ts';
import type { Header } from '../commitment/header.ts';
import { type DivergenceEvidence, findFirstDivergence } from './divergence.ts';
import { parseTraceReport, type SignedTrace } from './trace-report.ts';

export interface DivergenceInput {
  /** The record's signed bytes. */
  readonly record: Uint8Array;
  readonly header: Header;
  /** Committed windows, and those of the verifier's report. */
  readonly claimed: readonly WindowBytes[];
  readonly rerun: readonly WindowBytes[];
  readonly providerId: Uint8Array;
  /** SHA-256 of the key that signed the report. */
  readonly verifierKeyHash: Uint8Array;
}

/** Requests for each side's computation at a position. */
export interface Tracers {
  readonly provider: (position: number) => Promise<SignedTrace>;
  readonly verifier: (position: number) => Promise<SignedTrace>;
  /** Called if a side gave no trace, or an invalid one. */
  readonly onError: (side: 'provider' | 'verifier', error: unknown) => void;
}

/**
 * Locates the divergence: from two sets of windows that differ to evidence that a third machine can confirm or refute.
 * @returns undefined if nothing differs, or the verifier does not confirm its report. A provider that does not answer is named
 * as such, so silence does not help it.
 */
export async function locateDivergence(
  crypto: Crypto,
  input: DivergenceInput,
  { provider, verifier, onError }: Tracers,
): Promise<DivergenceEvidence | undefined> {
  const { header, claimed, rerun } = input;
  const position = findFirstDivergence(header, claimed, rerun);
  if (position === undefined || position >= header.outputTokenCount) return undefined;
  const head = { recordHash: crypto.sha256(input.record), position, numericClass: header.numericClass };
  const ask = async (side: 'provider' | 'verifier', tracer: Tracers['provider'], keyHash: Uint8Array) => {
    try {
      const { report, key, signature } = await tracer(position);
      assertTrace(crypto, { report, key, signature }, { ...head, keyHash });
      return { report, key, signature };
    } catch (error) {
      onError(side, error);
      return undefined;
    }
  };
  const [own, other] = await Promise.all([
    ask('verifier', verifier, input.verifierKeyHash),
    ask('provider', provider, input.providerId),
  ]);
  return own && { ...head, provider: other, verifier: own };
}

/** @throws ProtocolError if the answer is no trace of that position by that key. */
function assertTrace(
  crypto: Crypto,
  { report: message, key: publicKey, signature }: SignedTrace,
  expected: Pick<DivergenceEvidence, 'recordHash' | 'position' | 'numericClass'> & { readonly keyHash: Uint8Array },
): void {
  const { recordHash, position, numericClass } = parseTraceReport(message);
  if (!equalBytes(hashHybridKey(crypto, publicKey), expected.keyHash)) {
    throw new ProtocolError('malformed', 'the trace is signed by another key');
  }
  if (!verifyHybrid(crypto, { publicKey, message, signature })) {
    throw new ProtocolError('malformed', 'a signature of the trace does not hold');
  }
  const isAbout = equalBytes(recordHash, expected.recordHash) && position === expected.position;
  if (!isAbout || numericClass !== expected.numericClass) {
    throw new ProtocolError('malformed', 'the trace is about another record, position or class');
  }
}
