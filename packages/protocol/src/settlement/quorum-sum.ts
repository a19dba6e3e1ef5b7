import { concatBytes, utf8Encode } from '../base/bytes.ts';
import type { Bls } from '../crypto/bls.ts';
import { hashToScalar } from '../crypto/bls-scalar.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { isQuorum } from '../crypto/quorum.ts';

/** The most members of a roster. */
export const MAX_ROSTER_MEMBERS = 160;

/** A voter as the chain stores it (docs/spec/votes.md, "Rosters and sums"). */
export interface RosterMember {
  /** Account, 20 bytes. */
  readonly address: Uint8Array;
  readonly stake: bigint;
  /** 48 bytes; undefined for a member without summed signatures. */
  readonly key?: Uint8Array | undefined;
}

/** One signature that stands for those of many. */
export interface QuorumSum {
  /** 96 bytes. */
  readonly signature: Uint8Array;
  /** Bit i: member i has signed. */
  readonly who: bigint;
}

/** Encodes the message that each member signs, for a 32-byte digest. */
export const encodeQuorumMessage = (digest: Uint8Array): Uint8Array =>
  concatBytes(utf8Encode('ogong-quorum-v1\n'), digest);

/**
 * The proof that the account has a key for sums, and that its hash is the account's signing key. Without it a key could cancel
 * those of others.
 */
export interface QuorumKeyProof {
  readonly chainId: bigint;
  /** Address of the contract of rosters, 20 bytes. */
  readonly roster: Uint8Array;
  /** 20 bytes. */
  readonly account: Uint8Array;
  /** Address of the signing key that the key belongs to and ends with, 20 bytes. */
  readonly signer: Uint8Array;
  /** One more than the number of keys that the account has set before, u64. */
  readonly number: bigint;
  /** Compressed, 48 bytes. */
  readonly key: Uint8Array;
}

export function encodeQuorumKeyMessage(proof: QuorumKeyProof): Uint8Array {
  const { chainId, roster, account, signer, number, key } = proof;
  const [chain, count] = [encodeU64(chainId), encodeU64(number)];
  return concatBytes(utf8Encode('ogong-quorum-key-v1\n'), chain, roster, account, signer, count, key);
}

function encodeU64(value: bigint): Uint8Array {
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, value);
  return encoded;
}

/** A signer of shares for a sum. */
export interface ShareSigner {
  /** 48 bytes. */
  readonly key: Uint8Array;
  /** 96 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** Creates a signer. @param secret of the signing key, 32 bytes. */
export function createShareSigner(crypto: Pick<Crypto, 'sha256'>, bls: Bls, secret: Uint8Array): ShareSigner {
  const scalar = deriveQuorumSecret(crypto, secret);
  return { key: bls.deriveKey(scalar), sign: (message) => bls.sign(scalar, message) };
}

/**
 * Derives the secret for sums from a signing key. The owner of one has the other, and no further file is stored.
 * @param secret the signing key's, 32 bytes.
 * @returns a scalar, 1..r-1.
 */
export const deriveQuorumSecret = (crypto: Pick<Crypto, 'sha256'>, secret: Uint8Array): bigint =>
  hashToScalar(crypto, utf8Encode('ogong-quorum-secret-v1\n'), secret);

export interface QuorumSumVerdict {
  readonly ok: boolean;
  readonly signedStake: bigint;
  readonly totalStake: bigint;
}

/** Verifies that a sum contains the signatures of the named members, and that these are a quorum. It mirrors the contract. */
export function verifyQuorumSum(
  bls: Bls,
  {
    digest,
    members,
    sum,
  }: { readonly digest: Uint8Array; readonly members: readonly RosterMember[]; readonly sum: QuorumSum },
): QuorumSumVerdict {
  const named = members.filter((_, i) => ((sum.who >> BigInt(i)) & 1n) === 1n);
  const stakeOf = (some: readonly RosterMember[]): bigint => some.reduce((total, { stake }) => total + stake, 0n);
  const [signedStake, totalStake] = [stakeOf(named), stakeOf(members)];
  const keys = bls.decodeKeys(named.map(({ key }) => key ?? new Uint8Array(0)));
  const isBeyond = sum.who >> BigInt(members.length) !== 0n;
  if (isBeyond || keys === undefined || keys.bytes.length === 0) return { ok: false, signedStake, totalStake };
  const ones = keys.bytes.map(() => 1n);
  const lists = keys.bytes.map((bytes) => bls.decodeKeys([bytes]) as NonNullable<typeof keys>);
  const total = bls.combineKeys(lists, ones)?.bytes[0];
  const isSigned = total !== undefined && bls.verify(total, encodeQuorumMessage(digest), sum.signature);
  return { ok: isSigned && isQuorum(signedStake, totalStake), signedStake, totalStake };
}

/**
 * Sums the shares of all members that have signed. It takes as many as there are: an absent member lowers the gas, but by less
 * than its signature is worth.
 * @param shares of each member, or undefined. Each must have been checked before.
 * @returns undefined if there is none.
 */
export function sumShares(bls: Bls, shares: readonly (Uint8Array | undefined)[]): QuorumSum | undefined {
  const signed = shares.filter((share) => share !== undefined);
  const signature = bls.combineSignatures(
    signed,
    signed.map(() => 1n),
  );
  const who = shares.reduce((bits, share, i) => (share === undefined ? bits : bits | (1n << BigInt(i))), 0n);
  return signature && { signature, who };
}
