import { compareBytes, ProtocolError } from '../../base/bytes.ts';
import { address, bytes, createFormat, type Format, hash, list, struct, u16, u64, u128 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { SEALED_BOX_KEY_BYTES } from '../../crypto/sealed-box.ts';
import type { BeaconNetwork } from '../beacon.ts';
import { computeTickets, MAX_COMMITTEE_MEMBERS } from './tickets.ts';

/** A validator of an era: its stake, and the keys that the chain had when the era's set was fixed. */
export interface EraValidator {
  readonly address: Uint8Array;
  /** Address of the key that signs deals, complaints and outcomes, 20 bytes. */
  readonly signingKey: Uint8Array;
  readonly stake: bigint;
  /** X-Wing key that shares are sealed to, 1,216 bytes; its SHA-256 is on the chain. */
  readonly boxKey: Uint8Array;
}

export const eraValidatorList = list<EraValidator>(
  struct({ address, signingKey: address, stake: u128, boxKey: bytes(SEALED_BOX_KEY_BYTES) }),
  { count: u16, min: 1, max: MAX_COMMITTEE_MEMBERS, ascending: (a, b) => compareBytes(a.address, b.address) },
);
/** The format in which members are stored, and sent to peers that do not know them. */
export const eraValidatorsFormat: Format<readonly EraValidator[]> = createFormat(eraValidatorList, {
  tag: 'ogong-beacon-seat-members-v1',
});

/** A member with its tickets, which are numbered through the whole committee from 1. */
export interface CommitteeMember extends EraValidator {
  readonly firstTicket: number;
  readonly tickets: number;
}

/** The committee of an era. Its members deal, receive shares, and vote by stake. */
export interface Committee {
  /** Ascending by address. */
  readonly seats: readonly CommitteeMember[];
  /** W, the number of all tickets. */
  readonly totalTickets: number;
  /** T, the number of tickets that make a signature. */
  readonly threshold: number;
  readonly totalStake: bigint;
  /** Hash of the committee, 32 bytes. It is part of every message of the era. */
  readonly hash: Uint8Array;
}

const setFormat = createFormat(
  struct({
    chainId: u64,
    settlement: bytes(20),
    seats: list(struct({ address, signingKey: address, stake: u128, boxKeyHash: hash, tickets: u16 }), {
      ...{ count: u16, min: 1, max: MAX_COMMITTEE_MEMBERS },
      ascending: (a: { readonly address: Uint8Array }, b: { readonly address: Uint8Array }) =>
        compareBytes(a.address, b.address),
    }),
  }),
  { tag: 'ogong-beacon-seats-v1' },
);

type HashedMember = Omit<EraValidator, 'boxKey'> & { readonly boxKeyHash: Uint8Array };

/**
 * Chooses the MAX_COMMITTEE_MEMBERS members with the most stake, the lower address first among equals; ascending by address.
 */
function choose<T extends Pick<EraValidator, 'address' | 'stake'>>(members: readonly T[]): T[] {
  const staked = members.filter(({ stake }) => stake > 0n);
  if (staked.length === 0) throw new ProtocolError('out-of-range', 'nobody has stake');
  staked.sort((a, b) => (a.stake === b.stake ? compareBytes(a.address, b.address) : a.stake > b.stake ? -1 : 1));
  return staked.slice(0, MAX_COMMITTEE_MEMBERS).sort((a, b) => compareBytes(a.address, b.address));
}

function hashChosen(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId, settlement }: BeaconNetwork,
  { chosen, tickets }: { readonly chosen: readonly HashedMember[]; readonly tickets: readonly number[] },
): Uint8Array {
  const seats = chosen.map((member, i) => ({ ...member, tickets: tickets[i] as number }));
  return crypto.sha256(setFormat.encode({ chainId, settlement, seats }));
}

/**
 * Computes the hash of the committee of these members, from the hashes of their box keys. @throws ProtocolError as
 * `formCommittee`.
 */
export function hashCommittee(
  crypto: Pick<Crypto, 'sha256'>,
  network: BeaconNetwork,
  members: readonly HashedMember[],
): Uint8Array {
  const chosen = choose(members);
  const { tickets } = computeTickets(chosen.map(({ stake }) => stake));
  return hashChosen(crypto, network, { chosen, tickets });
}

/**
 * Forms the committee of an era: the MAX_COMMITTEE_MEMBERS members with the most stake, the lower address first among equals.
 * @throws ProtocolError if no member has stake, an address occurs twice, or a box key has the wrong length.
 */
export function formCommittee(
  crypto: Pick<Crypto, 'sha256'>,
  network: BeaconNetwork,
  members: readonly EraValidator[],
): Committee {
  if (members.some(({ boxKey }) => boxKey.length !== SEALED_BOX_KEY_BYTES)) {
    throw new ProtocolError('malformed', 'a box key of another length');
  }
  const seated = choose(members);
  const { tickets, total, threshold } = computeTickets(seated.map(({ stake }) => stake));
  let next = 1;
  const seats = seated.map((member, i) => {
    const own = tickets[i] as number;
    const seat: CommitteeMember = { ...member, firstTicket: next, tickets: own };
    next += own;
    return seat;
  });
  const chosen = seated.map((member) => ({ ...member, boxKeyHash: crypto.sha256(member.boxKey) }));
  const totalStake = seated.reduce((sum, { stake }) => sum + stake, 0n);
  const hash = hashChosen(crypto, network, { chosen, tickets });
  return { seats, totalTickets: total, threshold, totalStake, hash };
}

/** Returns the numbers of a member's tickets. */
export function listTickets({ firstTicket, tickets }: Pick<CommitteeMember, 'firstTicket' | 'tickets'>): number[] {
  return Array.from({ length: tickets }, (_, i) => firstTicket + i);
}

/** Returns the index of an account in the committee; -1 if it is no member. */
export function findCommitteeMember({ seats }: Pick<Committee, 'seats'>, account: Uint8Array): number {
  return seats.findIndex((seat) => compareBytes(seat.address, account) === 0);
}
