import { compareBytes, concatBytes, equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, encodeWords, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** The limit of the whole schedule, atomic units. */
export const EMISSION_TRANCHE_ATOMIC = 4_000_000_000n * 10n ** 18n;
/** Seconds in which half of the rest is emitted, each time. */
export const EMISSION_HALVING_S = 1_461n * 86_400n;
/**
 * The largest lambda: millionths of one recycled unit that are given. A party that pays itself, in all roles at once, gets back
 * less than it paid.
 */
export const MAX_LAMBDA_PPM = 900_000n;
const PPM = 1_000_000n;

/** A quorum's tally of all recycled fees since the last one (docs/spec/emission.md). */
export interface Allotment {
  /** Number of the tally, from 0. */
  readonly number: number;
  /** Seconds since 1970: the end of a period. */
  readonly until: bigint;
  /** 32 bytes: root over accounts and their units. */
  readonly root: Uint8Array;
  /** Sum of all units. */
  readonly units: bigint;
}

/** The work of one account, in units of the recycled share of fees. */
export interface EmissionUnits {
  /** 20 bytes. */
  readonly account: Uint8Array;
  readonly units: bigint;
}

const typedAllotment = createTypedStruct('Allotment', {
  number: abi.uint32,
  until: abi.uint64,
  root: abi.bytes32,
  units: abi.uint128,
});

/** Computes the EIP-712 digest that validators sign. @param domain of the emission contract. */
export function hashAllotment(
  crypto: Crypto,
  domain: LedgerDomain,
  { number, until, root, units }: Allotment,
): Uint8Array {
  return hashTyped(
    crypto,
    hashLedgerDomain(crypto, domain),
    typedAllotment.hash(crypto, { number, until, root, units }),
  );
}

/**
 * Computes the emission that the schedule allows within its first seconds. It is half of the rest every four years, evenly
 * between. Atomic units, rounded down as in the contract.
 * @throws ProtocolError `out-of-range` on a negative time.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeScheduled(elapsedS: bigint): bigint {
  if (elapsedS < 0n) throw new ProtocolError('out-of-range', `${elapsedS} seconds of a schedule`);
  const halvings = elapsedS / EMISSION_HALVING_S;
  if (halvings > 127n) return EMISSION_TRANCHE_ATOMIC;
  const left = EMISSION_TRANCHE_ATOMIC >> halvings;
  return EMISSION_TRANCHE_ATOMIC - left + ((left >> 1n) * (elapsedS % EMISSION_HALVING_S)) / EMISSION_HALVING_S;
}

export interface BudgetInput {
  /** All fees recycled in this time, atomic units. */
  readonly recycledAtomic: bigint;
  /** The part of them that accounts earned. */
  readonly units: bigint;
  /** The rest of the schedule. */
  readonly leftAtomic: bigint;
  readonly lambdaPpm: bigint;
}

/**
 * Computes the joint value of the units of one tally: lambda of each, and at most their part of the schedule's rest.
 * @throws ProtocolError `out-of-range` if the units exceed the recycled amount, or lambda its bound.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeEmissionBudget({ recycledAtomic, units, leftAtomic, lambdaPpm }: BudgetInput): bigint {
  if (units < 0n || units > recycledAtomic) throw new ProtocolError('out-of-range', `${units} units`);
  if (lambdaPpm < 0n || lambdaPpm > MAX_LAMBDA_PPM) throw new ProtocolError('out-of-range', `lambda ${lambdaPpm}`);
  if (units === 0n) return 0n;
  const most = (recycledAtomic * lambdaPpm) / PPM;
  return ((most < leftAtomic ? most : leftAtomic) * units) / recycledAtomic;
}

/** Computes the value of an account's units of one tally, atomic units, rounded down. */
export function computeEmissionClaim(
  allotment: { readonly budget: bigint; readonly units: bigint },
  units: bigint,
): bigint {
  return (allotment.budget * units) / allotment.units;
}

/** Hashes a leaf twice, so that no inner node passes for a leaf. */
export function hashEmissionLeaf(crypto: Crypto, entry: EmissionUnits): Uint8Array {
  return crypto.keccak256(crypto.keccak256(encodeWords(crypto, { account: abi.address, units: abi.uint128 }, entry)));
}

/** Hashes a pair in ascending order, so that a proof needs no sides. */
function hashPair(crypto: Crypto, a: Uint8Array, b: Uint8Array): Uint8Array {
  return crypto.keccak256(compareBytes(a, b) < 0 ? concatBytes(a, b) : concatBytes(b, a));
}

/** Pairs neighbours. A node without a neighbour moves up unchanged. */
function pairUp(crypto: Crypto, nodes: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const [a, b] = [nodes[i] as Uint8Array, nodes[i + 1]];
    next.push(b === undefined ? a : hashPair(crypto, a, b));
  }
  return next;
}

/** Computes the root. @param entries in the order of the tally. @throws ProtocolError `malformed` for an empty list. */
export function computeEmissionRoot(crypto: Crypto, entries: readonly EmissionUnits[]): Uint8Array {
  if (entries.length === 0) throw new ProtocolError('malformed', 'nobody earned anything');
  let nodes = entries.map((entry) => hashEmissionLeaf(crypto, entry));
  while (nodes.length > 1) nodes = pairUp(crypto, nodes);
  return nodes[0] as Uint8Array;
}

/** Computes the proof that the contract needs to pay an entry. @throws RangeError if there is no such entry. */
export function computeEmissionProof(crypto: Crypto, entries: readonly EmissionUnits[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= entries.length) throw new RangeError(`no entry ${index}`);
  const proof: Uint8Array[] = [];
  let nodes = entries.map((entry) => hashEmissionLeaf(crypto, entry));
  for (let i = index; nodes.length > 1; i = Math.floor(i / 2)) {
    const sibling = nodes[i % 2 === 0 ? i + 1 : i - 1];
    if (sibling !== undefined) proof.push(sibling);
    nodes = pairUp(crypto, nodes);
  }
  return proof;
}

/** Verifies a proof as the contract does. */
export function verifyEmissionProof(
  crypto: Crypto,
  root: Uint8Array,
  entry: EmissionUnits,
  proof: readonly Uint8Array[],
): boolean {
  if (proof.some(({ length }) => length !== 32)) return false;
  return equalBytes(
    root,
    proof.reduce((node, sibling) => hashPair(crypto, node, sibling), hashEmissionLeaf(crypto, entry)),
  );
}
