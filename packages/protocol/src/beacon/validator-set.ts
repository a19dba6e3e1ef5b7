import { compareBytes } from '../base/bytes.ts';
import { address, bytes, type Codec, createFormat, hash, list, struct, u16, u64, u128 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { QuorumMember } from '../crypto/quorum.ts';

/** Bounds what a list of validators, or a certificate from a stranger, can cost to parse. */
export const MAX_VALIDATORS = 1024;

/** What decides about a validator's part in an epoch. Where it is reached may change at any time. */
export type SetMember = Pick<QuorumMember, 'address' | 'signingKey' | 'stake' | 'vrfKey'>;

/** What counts of a validator beside the beacon: who it is, what it signs with, how much it weighs. */
export type EpochMember = Pick<SetMember, 'address' | 'signingKey' | 'stake'>;

/** Ascending by address. */
export const memberList: Codec<readonly SetMember[]> = list<SetMember>(
  struct({ address, signingKey: address, stake: u128, vrfKey: hash }),
  { count: u16, max: MAX_VALIDATORS, ascending: (a, b) => compareBytes(a.address, b.address) },
);

const setFormat = createFormat(struct({ chainId: u64, settlement: bytes(20), members: memberList }), {
  tag: 'ogong-validator-set-v2',
});

/** The part of each member that the set is made of, ascending by address. */
export function sortMembers(members: readonly SetMember[]): SetMember[] {
  return members
    .map(({ address: own, signingKey, stake, vrfKey }) => ({ address: own, signingKey, stake, vrfKey }))
    .sort((a, b) => compareBytes(a.address, b.address));
}

/**
 * The hash that stands for a set of validators in certificates and in what contributions prove, 32 bytes.
 * @throws ProtocolError where there are too many, or one address twice.
 */
export function hashValidatorSet(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId, settlement }: { readonly chainId: bigint; readonly settlement: Uint8Array },
  members: readonly SetMember[],
): Uint8Array {
  return crypto.sha256(setFormat.encode({ chainId, settlement, members: sortMembers(members) }));
}
