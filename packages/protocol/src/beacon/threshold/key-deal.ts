import { compareBytes, concatBytes, createWriter, equalBytes, ProtocolError } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import {
  address,
  bytes,
  bytes32,
  type CodecType,
  createFormat,
  type Format,
  list,
  struct,
  u16,
} from '../../base/codec.ts';
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, type Bls, type BlsKeys } from '../../crypto/bls.ts';
import { decodeScalar, encodeScalar, evaluatePolynomial, hashToScalar, SCALAR_BYTES } from '../../crypto/bls-scalar.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { SEALED_BOX_OVERHEAD_BYTES, type SealedBox } from '../../crypto/sealed-box.ts';
import type { BeaconNetwork } from '../beacon.ts';
import { dealersOf, type KeyPlan, type KeySubject, keySubjectFields, type OldShares, subjectOf } from './key-plan.ts';
import { type CommitteeMember, listTickets } from './members.ts';
import { MAX_TICKETS } from './tickets.ts';

const POSSESSION_DOMAIN = encodeDomain('ogong-beacon-possession-v1');
const BOX_DOMAIN = encodeDomain('ogong-beacon-box-v1');
const COEFFICIENT_DOMAIN = encodeDomain('ogong-beacon-coefficient-v1');
const SEED_DOMAIN = encodeDomain('ogong-beacon-box-seed-v1');
const OWN_BOX_DOMAIN = encodeDomain('ogong-beacon-own-box-v1');

/** Room for the rows of a validator with a third of 256 tickets. */
export const MAX_DEAL_BYTES = 1 << 20;

/** Bytes of a seed. */
const SEED_BYTES = 32;
const MAX_OWN_BOX_BYTES = SEALED_BOX_OVERHEAD_BYTES + SEED_BYTES + SCALAR_BYTES * MAX_TICKETS;

const dealCodec = struct({
  ...keySubjectFields,
  dealer: address,
  /**
   * The secret of the dealer, sealed to itself. Any holder of the deal can return it, and the dealer can then repeat all its
   * messages. Empty if the dealer has no place in the new committee.
   */
  ownBox: bytes32(MAX_OWN_BOX_BYTES),
  /** One polynomial each. */
  rows: list(
    struct({
      /** The ticket of the previous group that deals its share again; 0 for a new key. */
      source: u16,
      commitments: list(bytes(BLS_KEY_BYTES), { count: u16, min: 1, max: MAX_TICKETS }),
      /** By the constant term, over encodePossession. */
      possession: bytes(BLS_SIGNATURE_BYTES),
    }),
    {
      ...{ count: u16, min: 1, max: MAX_TICKETS },
      ascending: (a: { readonly source: number }, b: { readonly source: number }) => a.source - b.source,
    },
  ),
});

/** The public part of what a dealer deals. */
export interface KeyDeal extends CodecType<typeof dealCodec> {}

export const dealFormat: Format<KeyDeal> = createFormat(dealCodec, {
  ...{ tag: 'ogong-beacon-key-deal-v1', maxBytes: MAX_DEAL_BYTES },
});

/**
 * Encodes the message by which a dealer proves that it knows the constant term. So nobody chooses a commitment by those of
 * others.
 */
export function encodePossession(
  { chainId, settlement }: BeaconNetwork,
  { generation, era, attempt, set }: KeySubject,
  { dealer, source, key }: { readonly dealer: Uint8Array; readonly source: number; readonly key: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(POSSESSION_DOMAIN).u64(chainId).bytes(settlement, 20);
  writer.u32(generation).u32(era).u32(attempt).bytes(set, 32);
  return writer.bytes(dealer, 20).u16(source).bytes(key, BLS_KEY_BYTES).finish();
}

/** Returns the tickets whose shares a dealer deals again, or 0 alone. */
function listSources(plan: KeyPlan, dealer: CommitteeMember): number[] {
  return plan.previous === undefined ? [0] : listTickets(dealer);
}

/** The polynomials of a dealer. The deal and all boxes follow from them, byte by byte. */
export interface OwnPolynomials {
  /** The seed, then the constant terms: 32 bytes, and 32 for each row. Secret. */
  readonly secret: Uint8Array;
  readonly rows: readonly { readonly source: number; readonly coefficients: readonly bigint[] }[];
}

function drawCoefficient(
  crypto: Pick<Crypto, 'sha256'>,
  seed: Uint8Array,
  { source, k }: { source: number; k: number },
) {
  return hashToScalar(crypto, COEFFICIENT_DOMAIN, seed, createWriter().u16(source).u16(k).finish());
}

/** Draws the secret of a deal. @param seed 32 random bytes. @returns undefined if an old share is missing. */
export function createDealSecret(
  crypto: Pick<Crypto, 'sha256'>,
  plan: KeyPlan,
  {
    dealer,
    seed,
    oldShares,
  }: { readonly dealer: CommitteeMember; readonly seed: Uint8Array; readonly oldShares: OldShares },
): Uint8Array | undefined {
  const constants = listSources(plan, dealer).map((source) =>
    plan.previous === undefined
      ? drawCoefficient(crypto, seed, { source, k: 0 })
      : oldShares.find(({ ticket }) => ticket === source)?.scalar,
  );
  if (constants.includes(undefined)) return undefined;
  return concatBytes(seed, ...(constants as bigint[]).map(encodeScalar));
}

/** @throws ProtocolError for a secret of another length. */
export function createPolynomials(
  crypto: Pick<Crypto, 'sha256'>,
  plan: KeyPlan,
  { dealer, secret }: { readonly dealer: CommitteeMember; readonly secret: Uint8Array },
): OwnPolynomials {
  const seed = secret.subarray(0, SEED_BYTES);
  const rows = listSources(plan, dealer).map((source, row) => {
    const at = SEED_BYTES + row * SCALAR_BYTES;
    const constant = decodeScalar(secret.subarray(at, at + SCALAR_BYTES));
    const drawn = Array.from({ length: plan.seats.threshold - 1 }, (_, k) =>
      drawCoefficient(crypto, seed, { source, k: k + 1 }),
    );
    return { source, coefficients: [constant, ...drawn] };
  });
  return { secret, rows };
}

function encodeOwnBound(plan: KeyPlan, dealer: CommitteeMember): Uint8Array {
  const { generation, era, attempt, set } = subjectOf(plan);
  return createWriter()
    .bytes(OWN_BOX_DOMAIN)
    .u32(generation)
    .u32(era)
    .u32(attempt)
    .bytes(set)
    .bytes(dealer.address)
    .finish();
}

/** Finds the dealer's place in the new committee, whose box key counts now. */
function newSeatOf({ seats }: KeyPlan, dealer: CommitteeMember): CommitteeMember | undefined {
  return seats.seats.find((seat) => equalBytes(seat.address, dealer.address));
}

/** Recovers the polynomials of a dealer from its own deal after a loss; undefined if the box does not open. */
export function openOwnBox(
  box: Pick<SealedBox, 'open'>,
  plan: KeyPlan,
  { deal, dealer, secret }: { readonly deal: KeyDeal; readonly dealer: CommitteeMember; readonly secret: Uint8Array },
): Uint8Array | undefined {
  return box.open(secret, deal.ownBox, encodeOwnBound(plan, dealer));
}

export function createDeal(
  {
    bls,
    crypto,
    box,
  }: {
    readonly bls: Pick<Bls, 'deriveKey' | 'sign'>;
    readonly crypto: Pick<Crypto, 'sha256'>;
    readonly box: Pick<SealedBox, 'seal'>;
  },
  plan: KeyPlan,
  { dealer, polynomials }: { readonly dealer: CommitteeMember; readonly polynomials: OwnPolynomials },
): KeyDeal {
  const subject = subjectOf(plan);
  const rows = polynomials.rows.map(({ source, coefficients }) => {
    const commitments = coefficients.map((one) => bls.deriveKey(one));
    const key = commitments[0] as Uint8Array;
    const message = encodePossession(plan.network, subject, { dealer: dealer.address, source, key });
    return { source, commitments, possession: bls.sign(coefficients[0] as bigint, message) };
  });
  const seat = newSeatOf(plan, dealer);
  const options = { bound: encodeOwnBound(plan, dealer), seed: drawBoxSeed(crypto, polynomials, OWN_BOX_DOMAIN) };
  const ownBox = seat && box.seal(seat.boxKey, polynomials.secret, options);
  return { ...subject, dealer: dealer.address, ownBox: ownBox ?? new Uint8Array(0), rows };
}

/** Derives a different seed for each box. */
function drawBoxSeed(crypto: Pick<Crypto, 'sha256'>, { secret }: OwnPolynomials, box: Uint8Array): Uint8Array {
  const seed = secret.subarray(0, SEED_BYTES);
  return concatBytes(...[0, 1].map((half) => crypto.sha256(SEED_DOMAIN, seed, box, Uint8Array.of(half))));
}

/** Computes the shares of a receiver's tickets, row by row. */
export function computeShares({ rows }: OwnPolynomials, receiver: CommitteeMember): bigint[] {
  const tickets = listTickets(receiver);
  return rows.flatMap(({ coefficients }) => tickets.map((ticket) => evaluatePolynomial(coefficients, ticket)));
}

/** Encodes the binding of a box: it opens only beside this deal, for this receiver. */
function encodeBoxBound(dealHash: Uint8Array, receiver: CommitteeMember): Uint8Array {
  return concatBytes(BOX_DOMAIN, dealHash, receiver.address);
}

/** Seals the shares of a receiver; empty if it has no ticket or a malformed key. The result is the same at every call. */
export function sealShares(
  { crypto, box }: { readonly crypto: Pick<Crypto, 'sha256'>; readonly box: Pick<SealedBox, 'seal'> },
  polynomials: OwnPolynomials,
  { receiver, dealHash }: { readonly receiver: CommitteeMember; readonly dealHash: Uint8Array },
): Uint8Array {
  if (receiver.tickets === 0) return new Uint8Array(0);
  const text = concatBytes(...computeShares(polynomials, receiver).map(encodeScalar));
  const seed = drawBoxSeed(crypto, polynomials, receiver.address);
  const options = { bound: encodeBoxBound(dealHash, receiver), seed };
  return box.seal(receiver.boxKey, text, options) ?? new Uint8Array(0);
}

/** Opens a box; undefined if it does not open, or holds no scalars. */
export function openShares(
  box: Pick<SealedBox, 'open'>,
  sealed: Uint8Array,
  {
    receiver,
    dealHash,
    secret,
  }: { readonly receiver: CommitteeMember; readonly dealHash: Uint8Array; readonly secret: Uint8Array },
): bigint[] | undefined {
  const text = box.open(secret, sealed, encodeBoxBound(dealHash, receiver));
  if (text === undefined || text.length % SCALAR_BYTES !== 0) return undefined;
  try {
    return Array.from({ length: text.length / SCALAR_BYTES }, (_, i) =>
      decodeScalar(text.subarray(i * SCALAR_BYTES, (i + 1) * SCALAR_BYTES)),
    );
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The rows of a deal with their points decoded. */
export interface CheckedDeal {
  readonly rows: readonly { readonly source: number; readonly keys: BlsKeys }[];
}

/**
 * Checks whether a dealer may deal this deal in this attempt. Shares are checked separately.
 * @returns the decoded points, or the reason of the refusal.
 */
export function checkDeal(
  bls: Pick<Bls, 'decodeKeys' | 'evaluateKeys' | 'verify'>,
  plan: KeyPlan,
  deal: KeyDeal,
): CheckedDeal | string {
  const subject = subjectOf(plan);
  const { generation, era, attempt } = subject;
  if (deal.generation !== generation || deal.era !== era || deal.attempt !== attempt) return 'of another attempt';
  if (!equalBytes(deal.set, subject.set)) return 'for another set';
  const dealer = dealersOf(plan).find((one) => equalBytes(one.address, deal.dealer));
  if (dealer === undefined) return 'of nobody who deals';
  const sources = listSources(plan, dealer);
  if (deal.rows.length !== sources.length || deal.rows.some(({ source }, i) => source !== sources[i])) {
    return "for other tickets than the dealer's";
  }
  const rows: { source: number; keys: BlsKeys }[] = [];
  for (const { source, commitments, possession } of deal.rows) {
    if (commitments.length !== plan.seats.threshold) return 'with another number of commitments than the threshold';
    const key = commitments[0] as Uint8Array;
    if (plan.previous !== undefined && !equalBytes(bls.evaluateKeys(plan.previous.commitments, source), key)) {
      return "of another share than the ticket's";
    }
    const keys = bls.decodeKeys(commitments);
    if (keys === undefined) return 'with a commitment that is no key';
    const message = encodePossession(plan.network, subject, { dealer: deal.dealer, source, key });
    if (!bls.verify(key, message, possession)) return 'without proof of possession';
    rows.push({ source, keys });
  }
  return { rows };
}

/** Returns whether shares are those of a receiver's tickets, by the commitments. */
export function areShares(
  bls: Pick<Bls, 'deriveKey' | 'evaluateKeys'>,
  { rows }: CheckedDeal,
  { receiver, shares }: { readonly receiver: CommitteeMember; readonly shares: readonly bigint[] },
): boolean {
  const tickets = listTickets(receiver);
  if (shares.length !== rows.length * tickets.length) return false;
  return rows.every(({ keys }, row) =>
    tickets.every((ticket, i) => {
      const share = shares[row * tickets.length + i] as bigint;
      return compareBytes(bls.deriveKey(share), bls.evaluateKeys(keys, ticket)) === 0;
    }),
  );
}
