import { concatBytes, utf8Encode } from '../base/bytes.ts';
import type { Bls } from '../crypto/bls.ts';
import { hashToScalar } from '../crypto/bls-scalar.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { isQuorum } from '../crypto/quorum.ts';

/** As many members as a roster has. */
export const MAX_ROSTER_MEMBERS = 160;

/** Who votes, as the chain wrote it down (docs/spec/votes.md, "Rosters and sums"). */
export interface RosterMember {
  /** Account, 20 bytes. */
  readonly address: Uint8Array;
  readonly stake: bigint;
  /** 48 bytes; undefined for a member whose signatures are not summed. */
  readonly key?: Uint8Array | undefined;
}

/** One signature that stands for those of many. */
export interface QuorumSum {
  /** 96 bytes. */
  readonly signature: Uint8Array;
  /** Bit i: member i has signed. */
  readonly who: bigint;
}

/** What each member signs, for a 32-byte digest. */
export const encodeQuorumMessage = (digest: Uint8Array): Uint8Array =>
  concatBytes(utf8Encode('ogong-quorum-v1\n'), digest);

/** What a key signs to prove that whoever names it has it, and its hash the signing key of the account: otherwise it could cancel those of others. */
export interface QuorumKeyProof {
  readonly chainId: bigint;
  /** Address of the contract of rosters, 20 bytes. */
  readonly roster: Uint8Array;
  /** 20 bytes. */
  readonly account: Uint8Array;
  /** Address of the signing key that the key belongs to, and ends with, 20 bytes. */
  readonly signer: Uint8Array;
  /** The account has set number - 1 keys before, u64. */
  readonly number: bigint;
  /** Compressed, 48 bytes. */
  readonly key: Uint8Array;
}

export function encodeQuorumKeyMessage(proof: QuorumKeyProof): Uint8Array {
  const { chainId, roster, account, signer, number, key } = proof;
  const [chain, count] = [encodeU64(chainId), encodeU64(number)];
  return concatBytes(utf8Encode('ogong-quorum-key-v2\n'), chain, roster, account, signer, count, key);
}

function encodeU64(value: bigint): Uint8Array {
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, value);
  return encoded;
}

/** Who signs what is summed. */
export interface ShareSigner {
  /** 48 bytes. */
  readonly key: Uint8Array;
  /** 96 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** @param secret of the signing key, 32 bytes. */
export function createShareSigner(crypto: Pick<Crypto, 'sha256'>, bls: Bls, secret: Uint8Array): ShareSigner {
  const scalar = deriveQuorumSecret(crypto, secret);
  return { key: bls.deriveKey(scalar), sign: (message) => bls.sign(scalar, message) };
}

/**
 * The secret of the key for sums that belongs to a signing key: whoever holds the one holds the other, and no further file is kept.
 * @param secret the signing key's, 32 bytes. @returns a scalar, 1..r-1.
 */
export const deriveQuorumSecret = (crypto: Pick<Crypto, 'sha256'>, secret: Uint8Array): bigint =>
  hashToScalar(crypto, utf8Encode('ogong-quorum-secret-v1\n'), secret);

export interface QuorumSumVerdict {
  readonly ok: boolean;
  readonly signedStake: bigint;
  readonly totalStake: bigint;
}

/** The contract's twin: whether a sum is one of the signatures of those that it names, and these are a quorum. */
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
 * Sums the shares of members that have signed: of as many as there are, because an absent one costs less gas than it is worth.
 * @param shares of each member, or undefined. Each has to be checked before. @returns undefined where there is none.
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
