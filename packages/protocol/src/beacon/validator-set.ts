import { compareBytes } from '../base/bytes.ts';
import { address, bytes, type Codec, createFormat, hash, list, struct, u16, u64, u128 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { QuorumMember } from '../crypto/quorum.ts';

/** A limit for the cost of parsing a list of validators, or a certificate from a stranger. */
export const MAX_VALIDATORS = 1024;

/** The fields that decide a validator's part in an epoch. Its network address may change at any time. */
export type SetMember = Pick<QuorumMember, 'address' | 'signingKey' | 'stake' | 'vrfKey'>;

/** The fields of a validator that matter outside the beacon: identity, signing key and weight. */
export type EpochMember = Pick<SetMember, 'address' | 'signingKey' | 'stake'>;

/** Ascending by address. */
export const memberList: Codec<readonly SetMember[]> = list<SetMember>(
  struct({ address, signingKey: address, stake: u128, vrfKey: hash }),
  { count: u16, max: MAX_VALIDATORS, ascending: (a, b) => compareBytes(a.address, b.address) },
);

const setFormat = createFormat(struct({ chainId: u64, settlement: bytes(20), members: memberList }), {
  tag: 'ogong-validator-set-v1',
});

/** Returns the fields of each member that define the set, ascending by address. */
export function sortMembers(members: readonly SetMember[]): SetMember[] {
  return members
    .map(({ address: own, signingKey, stake, vrfKey }) => ({ address: own, signingKey, stake, vrfKey }))
    .sort((a, b) => compareBytes(a.address, b.address));
}

/**
 * Hashes a set of validators, 32 bytes. Certificates and the proofs of contributions name the set by this hash.
 * @throws ProtocolError if there are too many, or an address occurs twice.
 */
export function hashValidatorSet(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId, settlement }: { readonly chainId: bigint; readonly settlement: Uint8Array },
  members: readonly SetMember[],
): Uint8Array {
  return crypto.sha256(setFormat.encode({ chainId, settlement, members: sortMembers(members) }));
}
