import { ProtocolError } from '../base/bytes.ts';
import { bytes, type Codec, type CodecType, createFormat, hash, struct, u8 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

/** The things that a witness can ask for, by code: the first two from a provider, the others from a verifier. */
export const ASKED = ['record', 'opening', 'commitment', 'report'] as const;
export type SilenceKind = (typeof ASKED)[number];

export const codeOfAsked = (asked: SilenceKind): number => ASKED.indexOf(asked);

/** One byte. */
export const silenceKind: Codec<SilenceKind> = {
  write: (writer, kind) => u8.write(writer, codeOfAsked(kind)),
  read(reader) {
    const kind = ASKED[u8.read(reader)];
    if (kind === undefined) throw new ProtocolError('out-of-range', 'nothing is asked for under that code');
    return kind;
  },
};

const SILENCE = {
  /** The witness that asked and signs. */
  witness: abi.address,
  /** The handling validator of the order. */
  validator: abi.address,
  orderHash: abi.bytes32,
  /** The party that was asked: the id of a provider or of a verifier. */
  target: abi.bytes32,
  /**
   * The subject of the question. For an opening: hash of its record. For a commitment: hash of a verifier's job. For a report:
   * hash of job and round. For a record: zero.
   */
  subject: abi.bytes32,
  asked: abi.uint8,
  /** 1: the party answered without the requested thing. 0: it did not answer. */
  refused: abi.uint8,
  /** The newest epoch that the witness knew when it gave up. */
  epoch: abi.uint64,
  /** The same moment by the witness's clock, Unix time in ms. */
  timeMs: named('time', abi.uint64),
};
const askedJob = struct({
  jobId: bytes(16),
  /** SHA-256 of the key that must sign. */
  keyHash: hash,
  /** hashScoreInputs of the job. */
  inputsHash: hash,
});
const askedJobFormat = createFormat(askedJob, { tag: 'ogong-asked-job-v1' });

/**
 * Computes the hash of a verifier's job, 32 bytes. Every holder of the reply computes the same. So a witness need not know
 * whether the reply requires this job.
 */
export function hashAskedJob(crypto: Crypto, job: CodecType<typeof askedJob>): Uint8Array {
  return crypto.sha256(askedJobFormat.encode(job));
}

const askedReportFormat = createFormat(struct({ job: hash, round: hash }), { tag: 'ogong-asked-report-v1' });

/** Computes the subject of a question to a verifier that has committed. @param job hashAskedJob. @param round hashJobRound. */
export const hashAskedReport = (
  crypto: Crypto,
  asked: { readonly job: Uint8Array; readonly round: Uint8Array },
): Uint8Array => crypto.sha256(askedReportFormat.encode(asked));

const typedSilence = createTypedStruct('Silence', SILENCE);

/**
 * A witness's signed statement that it asked a party and received nothing (docs/spec/silence.md). A validator cannot claim a
 * missing reply or a withheld opening without such statements. Nobody can choose the witnesses.
 */
export interface Silence {
  /** 20 bytes. */
  readonly witness: Uint8Array;
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly orderHash: Uint8Array;
  /** 32 bytes. */
  readonly target: Uint8Array;
  /** 32 bytes. */
  readonly subject: Uint8Array;
  readonly asked: SilenceKind;
  readonly isRefused: boolean;
  readonly epoch: bigint;
  readonly timeMs: number;
}

/** The 32-byte digest that the witness signs. */
export function hashSilence(
  crypto: Crypto,
  ledger: LedgerDomain,
  { asked, isRefused, timeMs, ...silence }: Silence,
): Uint8Array {
  const words = { ...silence, asked: codeOfAsked(asked), refused: isRefused ? 1 : 0, timeMs: BigInt(timeMs) };
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedSilence.hash(crypto, words));
}

/** Verifies a statement. @param signingKey address of the key that signs for the witness. */
export function verifySilence(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { signature, ...silence }: Silence & { readonly signature: Uint8Array },
): boolean {
  return crypto.verifyAddress(hashSilence(crypto, ledger, silence), signature, signingKey);
}
