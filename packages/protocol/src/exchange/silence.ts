import { ProtocolError } from '../base/bytes.ts';
import { bytes, type Codec, type CodecType, createFormat, hash, struct, u8 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

/** What a witness asks for, by its code: the first two of a provider, the others of a verifier. */
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
  /** Who asked and signs. */
  witness: abi.address,
  /** The handling validator of the order. */
  validator: abi.address,
  orderHash: abi.bytes32,
  /** Who was asked: the id of a provider or of a verifier. */
  target: abi.bytes32,
  /** What it was asked about: hash of the record whose opening is missing; hash of a verifier's job, or of job and round; zero where a record is. */
  subject: abi.bytes32,
  asked: abi.uint8,
  /** 1: it answered, without what it was asked for. 0: it did not answer. */
  refused: abi.uint8,
  /** The newest epoch that the witness knew when it gave up. */
  epoch: abi.uint64,
  /** The same moment by its clock, Unix time in ms. */
  timeMs: named('time', abi.uint64),
};
const askedJob = struct({
  jobId: bytes(16),
  /** SHA-256 of the key that has to sign. */
  keyHash: hash,
  /** hashScoreInputs of the job. */
  inputsHash: hash,
});
const askedJobFormat = createFormat(askedJob, { tag: 'ogong-asked-job-v1' });

/**
 * What a verifier is asked about. Whoever has the reply computes the same, so a witness need not know whether the job is the one that
 * the reply calls for. 32 bytes.
 */
export function hashAskedJob(crypto: Crypto, job: CodecType<typeof askedJob>): Uint8Array {
  return crypto.sha256(askedJobFormat.encode(job));
}

const askedReportFormat = createFormat(struct({ job: hash, round: hash }), { tag: 'ogong-asked-report-v1' });

/** What a verifier that has committed is asked about. @param job hashAskedJob. @param round hashJobRound. */
export const hashAskedReport = (
  crypto: Crypto,
  asked: { readonly job: Uint8Array; readonly round: Uint8Array },
): Uint8Array => crypto.sha256(askedReportFormat.encode(asked));

const typedSilence = createTypedStruct('Silence', SILENCE);

/**
 * A witness's word that it asked somebody and was given nothing (docs/spec/silence.md). Without the words of witnesses that nobody
 * chooses, no validator can say that a reply was not delivered, or that an opening was withheld.
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

/** @param signingKey address of the key that signs for the witness. */
export function verifySilence(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { signature, ...silence }: Silence & { readonly signature: Uint8Array },
): boolean {
  return crypto.verifyAddress(hashSilence(crypto, ledger, silence), signature, signingKey);
}
