import { bytes, type CodecType, createFormat, hash, list, struct, u8 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const jobRound = struct({
  jobId: bytes(16),
  /** Digests of all commitments that were made at the same time, in order. */
  round: list(hash, { count: u8, max: 255 }),
});
const jobRoundFormat = createFormat(jobRound, { tag: 'ogong-job-round-v1' });

/** A job, and the round over which its report is opened. */
export interface JobRound extends CodecType<typeof jobRound> {}

/** Hashes a job and its round, 32 bytes. */
export const hashJobRound = (crypto: Crypto, job: JobRound): Uint8Array =>
  crypto.sha256(jobRoundFormat.encode({ jobId: job.jobId, round: job.round }));

const typedReveal = createTypedStruct('Reveal', { validator: abi.address, round: abi.bytes32 });

/**
 * Computes the 32-byte digest that a validator signs before a report is opened (docs/spec/score-commitment.md). The signature
 * states that all verifiers of the round have committed, and that this is the round. So witnesses can request the opening in
 * the validator's place, and a validator that names two rounds has signed both.
 * @param round hashJobRound.
 */
export function hashReveal(
  crypto: Crypto,
  ledger: LedgerDomain,
  { validator, round }: { readonly validator: Uint8Array; readonly round: Uint8Array },
): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedReveal.hash(crypto, { validator, round }));
}

/** Verifies the signature. @param signingKey of the validator. */
export function verifyRoundSignature(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { validator, word, ...job }: JobRound & { readonly validator: Uint8Array; readonly word: Uint8Array },
): boolean {
  const digest = hashReveal(crypto, ledger, { validator, round: hashJobRound(crypto, job) });
  return word.length === 65 && crypto.verifyAddress(digest, word, signingKey);
}
