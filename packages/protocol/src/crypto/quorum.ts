import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from './crypto.ts';

/** A member of the validator set, as the registry contract lists it. */
export interface QuorumMember {
  /** Account, 20 bytes. It identifies the validator everywhere. */
  readonly address: Uint8Array;
  /** Address of the key that signs for the account, 20 bytes. Default: the account's own key. */
  readonly signingKey: Uint8Array;
  /** Bond in atomic units: the weight of its vote. */
  readonly stake: bigint;
  /** SHA-256 of the TLS certificate, 32 bytes. */
  readonly certHash: Uint8Array;
  /** Ed25519 key of the verifiable random function, 32 bytes. */
  readonly vrfKey: Uint8Array;
  readonly endpoint: string;
}

export interface QuorumSignature {
  /** Account of the validator that signed, 20 bytes. */
  readonly signer: Uint8Array;
  /** 65 bytes, see LedgerSigner. */
  readonly signature: Uint8Array;
}

export interface QuorumVerdict {
  readonly ok: boolean;
  readonly signedStake: bigint;
  readonly totalStake: bigint;
  /** The valid signatures, ascending by the signers' accounts. */
  readonly signatures: readonly QuorumSignature[];
}

/**
 * Returns whether the signed stake is strictly more than two thirds. Any two quorums then share more than a third of all stake,
 * hence an honest signer.
 */
export function isQuorum(signedStake: bigint, totalStake: bigint): boolean {
  return 3n * signedStake > 2n * totalStake;
}

export function computeTotalStake(validators: readonly Pick<QuorumMember, 'stake'>[]): bigint {
  return validators.reduce((sum, validator) => sum + validator.stake, 0n);
}

export function findValidator<T extends Pick<QuorumMember, 'address'>>(
  validators: readonly T[],
  address: Uint8Array,
): T | undefined {
  return validators.find((validator) => equalBytes(validator.address, address));
}

/** Ascending by account. */
export function sortBySigner(signatures: readonly QuorumSignature[]): QuorumSignature[] {
  return [...signatures].sort((a, b) => compareBytes(a.signer, b.signer));
}

/** The fields of a member that matter in a quorum. */
export type QuorumVoter = Pick<QuorumMember, 'address' | 'signingKey' | 'stake'>;

export interface QuorumEvidence {
  /** 32 bytes. */
  readonly digest: Uint8Array;
  readonly signatures: readonly QuorumSignature[];
  readonly validators: readonly QuorumVoter[];
  /** All stake, if other validators have some too. Default: the sum of the stakes above. */
  readonly totalStake?: bigint | undefined;
}

/**
 * Counts the stake behind a digest. Only the first signature of each registered validator is checked, so that a long list of
 * forgeries costs at most one recovery per validator.
 */
export function verifyQuorum(crypto: Crypto, evidence: QuorumEvidence): QuorumVerdict {
  const { digest, signatures, validators, totalStake = computeTotalStake(validators) } = evidence;
  const waiting = new Map(validators.map((validator) => [toHex(validator.address), validator]));
  const counted: QuorumSignature[] = [];
  let signedStake = 0n;
  for (const { signer, signature } of signatures) {
    const key = toHex(signer);
    const validator = waiting.get(key);
    if (validator === undefined) continue;
    waiting.delete(key);
    if (!crypto.verifyAddress(digest, signature, validator.signingKey)) continue;
    counted.push({ signer, signature });
    signedStake += validator.stake;
  }
  return { ok: isQuorum(signedStake, totalStake), signedStake, totalStake, signatures: sortBySigner(counted) };
}
