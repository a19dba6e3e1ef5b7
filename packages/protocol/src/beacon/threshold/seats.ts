import { compareBytes, ProtocolError } from '../../base/bytes.ts';
import { address, bytes, createFormat, type Format, hash, list, struct, u16, u64, u128 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { SEALED_BOX_KEY_BYTES } from '../../crypto/sealed-box.ts';
import type { BeaconNetwork } from '../beacon.ts';
import { computeTickets, MAX_SEATS } from './tickets.ts';

/** What counts of a validator in an era: stake, and the keys that the chain had of it when the era's set was fixed. */
export interface SeatMember {
  readonly address: Uint8Array;
  /** Address of the key that signs deals, complaints and outcomes, 20 bytes. */
  readonly signingKey: Uint8Array;
  readonly stake: bigint;
  /** X-Wing key that shares are sealed to, 1,216 bytes; its SHA-256 is on the chain. */
  readonly boxKey: Uint8Array;
}

export const seatMemberList = list<SeatMember>(
  struct({ address, signingKey: address, stake: u128, boxKey: bytes(SEALED_BOX_KEY_BYTES) }),
  { count: u16, min: 1, max: MAX_SEATS, ascending: (a, b) => compareBytes(a.address, b.address) },
);
/** As they are kept, and handed to whoever does not know them. */
export const seatMembersFormat: Format<readonly SeatMember[]> = createFormat(seatMemberList, {
  tag: 'ogong-beacon-seat-members-v1',
});

/** A member with its tickets, which are numbered through all seats from 1. */
export interface Seat extends SeatMember {
  readonly firstTicket: number;
  readonly tickets: number;
}

/** The set of an era: who deals, who receives shares, whose word counts with which weight. */
export interface Seats {
  /** Ascending by address. */
  readonly seats: readonly Seat[];
  /** W. */
  readonly totalTickets: number;
  /** T. */
  readonly threshold: number;
  readonly totalStake: bigint;
  /** 32 bytes. It stands in every message of the era. */
  readonly hash: Uint8Array;
}

const setFormat = createFormat(
  struct({
    chainId: u64,
    settlement: bytes(20),
    seats: list(struct({ address, signingKey: address, stake: u128, boxKeyHash: hash, tickets: u16 }), {
      ...{ count: u16, min: 1, max: MAX_SEATS },
      ascending: (a: { readonly address: Uint8Array }, b: { readonly address: Uint8Array }) =>
        compareBytes(a.address, b.address),
    }),
  }),
  { tag: 'ogong-beacon-seats-v1' },
);

type HashedMember = Omit<SeatMember, 'boxKey'> & { readonly boxKeyHash: Uint8Array };

/** The MAX_SEATS members with the most stake, the lower address first among equals; ascending by address. */
function choose<T extends Pick<SeatMember, 'address' | 'stake'>>(members: readonly T[]): T[] {
  const staked = members.filter(({ stake }) => stake > 0n);
  if (staked.length === 0) throw new ProtocolError('out-of-range', 'nobody has stake');
  staked.sort((a, b) => (a.stake === b.stake ? compareBytes(a.address, b.address) : a.stake > b.stake ? -1 : 1));
  return staked.slice(0, MAX_SEATS).sort((a, b) => compareBytes(a.address, b.address));
}

function hashChosen(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId, settlement }: BeaconNetwork,
  { chosen, tickets }: { readonly chosen: readonly HashedMember[]; readonly tickets: readonly number[] },
): Uint8Array {
  const seats = chosen.map((member, i) => ({ ...member, tickets: tickets[i] as number }));
  return crypto.sha256(setFormat.encode({ chainId, settlement, seats }));
}

/** The hash of the seats that these members would have, by the hashes of their box keys. @throws ProtocolError as `assignSeats`. */
export function hashSeats(
  crypto: Pick<Crypto, 'sha256'>,
  network: BeaconNetwork,
  members: readonly HashedMember[],
): Uint8Array {
  const chosen = choose(members);
  const { tickets } = computeTickets(chosen.map(({ stake }) => stake));
  return hashChosen(crypto, network, { chosen, tickets });
}

/**
 * The seats of an era: the MAX_SEATS members with the most stake, the lower address first among equals.
 * @throws ProtocolError where nobody has stake, an address stands twice, or a box key has another length.
 */
export function assignSeats(
  crypto: Pick<Crypto, 'sha256'>,
  network: BeaconNetwork,
  members: readonly SeatMember[],
): Seats {
  if (members.some(({ boxKey }) => boxKey.length !== SEALED_BOX_KEY_BYTES)) {
    throw new ProtocolError('malformed', 'a box key of another length');
  }
  const seated = choose(members);
  const { tickets, total, threshold } = computeTickets(seated.map(({ stake }) => stake));
  let next = 1;
  const seats = seated.map((member, i) => {
    const own = tickets[i] as number;
    const seat: Seat = { ...member, firstTicket: next, tickets: own };
    next += own;
    return seat;
  });
  const chosen = seated.map((member) => ({ ...member, boxKeyHash: crypto.sha256(member.boxKey) }));
  const totalStake = seated.reduce((sum, { stake }) => sum + stake, 0n);
  const hash = hashChosen(crypto, network, { chosen, tickets });
  return { seats, totalTickets: total, threshold, totalStake, hash };
}

/** The numbers of a seat's tickets. */
export function listTickets({ firstTicket, tickets }: Pick<Seat, 'firstTicket' | 'tickets'>): number[] {
  return Array.from({ length: tickets }, (_, i) => firstTicket + i);
}

/** The seat of an account, as its place in the list; -1 where it has none. */
export function findSeat({ seats }: Pick<Seats, 'seats'>, account: Uint8Array): number {
  return seats.findIndex((seat) => compareBytes(seat.address, account) === 0);
}
