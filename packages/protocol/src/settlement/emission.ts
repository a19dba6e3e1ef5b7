import { compareBytes, concatBytes, equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, encodeWords, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** What the schedule comes to in the end, atomic units. */
export const EMISSION_TRANCHE_ATOMIC = 4_000_000_000n * 10n ** 18n;
/** Seconds: half of what is left, each time. */
export const EMISSION_HALVING_S = 1_461n * 86_400n;
/** Of one recycled unit, at most so many millionths are given: whoever pays itself, in all roles at once, gets back less than it paid. */
export const MAX_LAMBDA_PPM = 900_000n;
const PPM = 1_000_000n;

/** A quorum's tally of everything that was recycled since the last one (docs/spec/emission.md). */
export interface Allotment {
  /** The first is 0. */
  readonly number: number;
  /** Seconds since 1970: the end of a period. */
  readonly until: bigint;
  /** 32 bytes: root over accounts and their units. */
  readonly root: Uint8Array;
  /** Sum of all units. */
  readonly units: bigint;
}

/** What one account did, in units of the share of the fees that nobody receives. */
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

/** The EIP-712 digest that validators sign. @param domain of the emission contract. */
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
 * What the schedule allows within its first seconds: half of what is left every four years, evenly between. Atomic units, rounded
 * down as the contract does.
 * @throws ProtocolError `out-of-range` on a negative time.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function computeScheduled(elapsedS: bigint): bigint {
  if (elapsedS < 0n) throw new ProtocolError('out-of-range', `${elapsedS} seconds of a schedule`);
  const halvings = elapsedS / EMISSION_HALVING_S;
  if (halvings > 127n) return EMISSION_TRANCHE_ATOMIC;
  const left = EMISSION_TRANCHE_ATOMIC >> halvings;
  return EMISSION_TRANCHE_ATOMIC - left + ((left >> 1n) * (elapsedS % EMISSION_HALVING_S)) / EMISSION_HALVING_S;
}

export interface BudgetInput {
  /** All that was recycled meanwhile, atomic units. */
  readonly recycledAtomic: bigint;
  /** Of it, what somebody earned. */
  readonly units: bigint;
  /** What the schedule has left. */
  readonly leftAtomic: bigint;
  readonly lambdaPpm: bigint;
}

/**
 * What the units of one tally are worth together: lambda of each, and no more than their part of what the schedule has left.
 * @throws ProtocolError `out-of-range` where the units exceed what was recycled, or lambda its bound.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function computeEmissionBudget({ recycledAtomic, units, leftAtomic, lambdaPpm }: BudgetInput): bigint {
  if (units < 0n || units > recycledAtomic) throw new ProtocolError('out-of-range', `${units} units`);
  if (lambdaPpm < 0n || lambdaPpm > MAX_LAMBDA_PPM) throw new ProtocolError('out-of-range', `lambda ${lambdaPpm}`);
  if (units === 0n) return 0n;
  const most = (recycledAtomic * lambdaPpm) / PPM;
  return ((most < leftAtomic ? most : leftAtomic) * units) / recycledAtomic;
}

/**
 * What an account's units of one tally are worth, atomic units, rounded down.
 */
export function computeEmissionClaim(
  allotment: { readonly budget: bigint; readonly units: bigint },
  units: bigint,
): bigint {
  return (allotment.budget * units) / allotment.units;
}

/** Hashed twice, so that no inner node passes for a leaf. */
export function hashEmissionLeaf(crypto: Crypto, entry: EmissionUnits): Uint8Array {
  return crypto.keccak256(crypto.keccak256(encodeWords(crypto, { account: abi.address, units: abi.uint128 }, entry)));
}

/** A pair in ascending order, so that a proof needs no sides. */
function hashPair(crypto: Crypto, a: Uint8Array, b: Uint8Array): Uint8Array {
  return crypto.keccak256(compareBytes(a, b) < 0 ? concatBytes(a, b) : concatBytes(b, a));
}

/** Neighbours are paired, and one that is left over goes up as it is. */
function pairUp(crypto: Crypto, nodes: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const [a, b] = [nodes[i] as Uint8Array, nodes[i + 1]];
    next.push(b === undefined ? a : hashPair(crypto, a, b));
  }
  return next;
}

/** @param entries in the order of the tally. @throws ProtocolError `malformed` where there are none. */
export function computeEmissionRoot(crypto: Crypto, entries: readonly EmissionUnits[]): Uint8Array {
  if (entries.length === 0) throw new ProtocolError('malformed', 'nobody earned anything');
  let nodes = entries.map((entry) => hashEmissionLeaf(crypto, entry));
  while (nodes.length > 1) nodes = pairUp(crypto, nodes);
  return nodes[0] as Uint8Array;
}

/**
 * What the contract needs to pay that entry. @throws RangeError where there is no such entry.
 */
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

/** As the contract checks it. */
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
