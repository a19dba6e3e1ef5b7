import { compareBytes, ProtocolError } from '../../base/bytes.ts';
import { address, bytes, createFormat, hash, list, struct, u16, u64, u128 } from '../../base/codec.ts';
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

/**
 * The seats of an era: the MAX_SEATS members with the most stake, the lower address first among equals.
 * @internal No daemon drives these machines yet; tests and the bench do.
 * @throws ProtocolError where nobody has stake, an address stands twice, or a box key has another length.
 */
export function assignSeats(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId, settlement }: BeaconNetwork,
  members: readonly SeatMember[],
): Seats {
  if (members.some(({ boxKey }) => boxKey.length !== SEALED_BOX_KEY_BYTES)) {
    throw new ProtocolError('malformed', 'a box key of another length');
  }
  const staked = members.filter(({ stake }) => stake > 0n);
  if (staked.length === 0) throw new ProtocolError('out-of-range', 'nobody has stake');
  staked.sort((a, b) => (a.stake === b.stake ? compareBytes(a.address, b.address) : a.stake > b.stake ? -1 : 1));
  const seated = staked.slice(0, MAX_SEATS).sort((a, b) => compareBytes(a.address, b.address));
  const { tickets, total, threshold } = computeTickets(seated.map(({ stake }) => stake));
  let next = 1;
  const seats = seated.map((member, i) => {
    const own = tickets[i] as number;
    const seat: Seat = { ...member, firstTicket: next, tickets: own };
    next += own;
    return seat;
  });
  const encoded = setFormat.encode({
    ...{ chainId, settlement },
    seats: seats.map((seat) => ({ ...seat, boxKeyHash: crypto.sha256(seat.boxKey) })),
  });
  const totalStake = seated.reduce((sum, { stake }) => sum + stake, 0n);
  return { seats, totalTickets: total, threshold, totalStake, hash: crypto.sha256(encoded) };
}

/** The numbers of a seat's tickets. */
export function listTickets({ firstTicket, tickets }: Pick<Seat, 'firstTicket' | 'tickets'>): number[] {
  return Array.from({ length: tickets }, (_, i) => firstTicket + i);
}

/** The seat of an account, as its place in the list; -1 where it has none. */
export function findSeat({ seats }: Pick<Seats, 'seats'>, account: Uint8Array): number {
  return seats.findIndex((seat) => compareBytes(seat.address, account) === 0);
}
