import { compareBytes, equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import { type Check, check, fail, isOk, pass, skip } from '../base/checks.ts';
import { bytes, bytes16, type CodecType, createFormat, list, struct, u16, u64 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { findAdmissionProblem } from './admission.ts';
import { ADMISSION_DOUBT_MS, MAX_ORDER_BYTES } from './limits.ts';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder, verifyOrder } from './order.ts';

/** The most orders in one piece of evidence. A channel with more orders at a time is proved by the largest of them. */
export const MAX_EVIDENCE_ORDERS = 1_024;

const signature = bytes(65);
const admittedOrder = struct({
  order: bytes16(MAX_ORDER_BYTES),
  /** The payer's signature. */
  signature,
  /** The validator's signed admission of this order. */
  admission: struct({ epoch: u64, timeMs: u64, signature }),
});
const evidenceCodec = struct({ orders: list(admittedOrder, { count: u16, min: 1, max: MAX_EVIDENCE_ORDERS }) });
/** The largest evidence: the tag, and each order with its signatures. */
export const MAX_OVER_ADMISSION_BYTES = 64 + MAX_EVIDENCE_ORDERS * (MAX_ORDER_BYTES + 256);
const evidenceFormat = createFormat(evidenceCodec, {
  tag: 'ogong-over-admission-v1',
  maxBytes: MAX_OVER_ADMISSION_BYTES,
});

/** An order with both signatures: the payer's, and the validator's admission. */
export interface OrderAdmission extends CodecType<typeof admittedOrder> {}

/**
 * Evidence that a validator has admitted more than a channel holds (docs/spec/over-admission.md). It has orders of one payer
 * for one validator. None of them had expired when the last one was admitted.
 */
export interface OverAdmission extends CodecType<typeof evidenceCodec> {}

export const encodeOverAdmission: (evidence: OverAdmission) => Uint8Array = evidenceFormat.encode;
export const parseOverAdmission: (bytes: Uint8Array) => OverAdmission = evidenceFormat.decode;

/** Computes the hash by which a conviction names its evidence. */
export function hashOverAdmission(crypto: Crypto, evidence: OverAdmission): Uint8Array {
  return crypto.sha256(encodeOverAdmission(evidence));
}

/** The claim of evidence before any check. */
export interface OverAdmissionClaim {
  readonly payer: Uint8Array;
  readonly validator: Uint8Array;
  /** Sum of the maximum fees of the orders. */
  readonly heldAtomic: bigint;
  /** Unix time in ms of the first and of the last admission. */
  readonly firstMs: bigint;
  readonly lastMs: bigint;
}

/** The judge's own knowledge. */
export interface OverAdmissionView {
  readonly ledger: LedgerDomain;
  /** Addresses of the keys that may have signed for the validator at that time. */
  readonly signingKeys: readonly Uint8Array[];
  /**
   * The judge's own reading of the largest room of the channel: admitted - releasing - spent. The span is from
   * ADMISSION_DOUBT_MS before the first admission to as long after the last one.
   */
  readonly capacityAtomic: bigint;
  /** Time of the validator's last conviction, Unix time in ms; 0 for never. It has punished everything before. */
  readonly convictedAtMs: bigint;
}

/** Describes evidence. @throws ProtocolError if an order does not parse. */
export function describeOverAdmission({ orders }: OverAdmission): OverAdmissionClaim {
  const parsed = orders.map(({ order }) => parseOrder(order));
  const times = orders.map(({ admission }) => admission.timeMs).toSorted(compareNumbers);
  const [first] = parsed;
  if (first === undefined) throw new ProtocolError('malformed', 'the evidence has no order');
  return {
    payer: first.payer,
    validator: first.validator,
    heldAtomic: parsed.reduce((sum, { maxFeeAtomic }) => sum + maxFeeAtomic, 0n),
    firstMs: times[0] as bigint,
    lastMs: times.at(-1) as bigint,
  };
}

interface NamedAdmission extends OrderAdmission {
  readonly named: NamedOrder;
}

/**
 * Decides whether the evidence convicts the validator: every check must pass. An honest validator reserves the maximum fee of
 * an order until the order has expired. So it has never admitted all of these. The decision uses signatures, the orders' own
 * expiry, the validator's own times and the judge's reading of the chain. Nothing else counts.
 * @returns checks; signatures are skipped if another check fails, because they cost most.
 * @throws ProtocolError if an order does not parse.
 */
export function judgeOverAdmission(
  crypto: Crypto,
  { ledger, signingKeys, capacityAtomic, convictedAtMs }: OverAdmissionView,
  evidence: OverAdmission,
): readonly Check[] {
  const claim = describeOverAdmission(evidence);
  const orders = evidence.orders.map((admitted) => ({
    ...admitted,
    named: nameOrder(crypto, ledger, parseOrder(admitted.order)),
  }));
  const checks = [checkChannel(orders, claim), checkRepeated(orders), checkAlive(orders, claim)];
  checks.push(
    check('capacity', claim.heldAtomic > capacityAtomic, [
      `the orders may cost ${claim.heldAtomic}, and the channel had room for ${capacityAtomic} at most`,
      `the orders may cost ${claim.heldAtomic}, and the channel had room for ${capacityAtomic}: they were covered`,
    ]),
  );
  checks.push(
    check('unpunished', convictedAtMs === 0n || claim.lastMs > convictedAtMs + BigInt(ADMISSION_DOUBT_MS), [
      'the validator was not convicted since',
      `the validator was convicted at ${convictedAtMs}, which has paid for what it had admitted by then`,
    ]),
  );
  if (!isOk(checks)) {
    const why = 'another check fails';
    return [...checks, skip('order-signatures', why), skip('admissions', why)];
  }
  return [...checks, checkSignatures(crypto, orders), checkAdmissions(crypto, { ledger, signingKeys }, orders)];
}

const describeOrder = ({ named }: NamedAdmission): string => `order 0x${toHex(named.orderHash)}`;

function checkChannel(orders: readonly NamedAdmission[], { payer, validator }: OverAdmissionClaim): Check {
  const other = orders.find(({ named }) => !equalBytes(named.payer, payer) || !equalBytes(named.validator, validator));
  return check('one-channel', other === undefined, [
    `all orders draw on the channel of 0x${toHex(payer)} with 0x${toHex(validator)}`,
    `${other && describeOrder(other)} draws on another channel than the first one`,
  ]);
}

function checkRepeated(orders: readonly NamedAdmission[]): Check {
  const hashes = orders.map(({ named }) => named.orderHash);
  const isAscending = hashes.every((hash, i) => i === 0 || compareBytes(hashes[i - 1] as Uint8Array, hash) < 0);
  return check('different-orders', isAscending, [
    'each order stands once',
    'the hashes of the orders do not ascend: an order stands twice, or they are in another order',
  ]);
}

function checkAlive(orders: readonly NamedAdmission[], { lastMs }: OverAdmissionClaim): Check {
  const expired = orders.find(({ named }) => named.expiresAtMs <= lastMs);
  return check('alive', expired === undefined, [
    'no order had expired at the last admission',
    `${expired && describeOrder(expired)} had expired at the last admission`,
  ]);
}

function checkSignatures(crypto: Crypto, orders: readonly NamedAdmission[]): Check {
  const unsigned = orders.find(({ named, signature }) => !verifyOrder(crypto, named, signature));
  return check('order-signatures', unsigned === undefined, [
    'the payer has signed every order, on this ledger',
    `${unsigned && describeOrder(unsigned)} is not signed by its payer on this ledger`,
  ]);
}

function checkAdmissions(
  crypto: Crypto,
  { ledger, signingKeys }: Pick<OverAdmissionView, 'ledger' | 'signingKeys'>,
  orders: readonly NamedAdmission[],
): Check {
  for (const one of orders) {
    const problem = findAdmissionProblem(crypto, { ledger, order: one.named, signingKeys }, one.admission);
    if (problem !== undefined) return fail('admissions', `${describeOrder(one)}: ${problem}`);
  }
  return pass('admissions', 'the validator has signed that it admitted every order');
}

/** Returns whether the checks convict: none failed and none was skipped. */
export function isConvicted(checks: readonly Check[]): boolean {
  return checks.length > 0 && checks.every(({ status }) => status === 'pass');
}

/** A change of a channel, from events of the escrow contract. */
export interface ChannelChange {
  /** Time of the block, Unix time in ms. */
  readonly timeMs: bigint;
  /** The channel's room from this block on: admitted - releasing - spent. */
  readonly roomAtomic: bigint;
}

/**
 * Computes the largest room of a channel around the admissions.
 * @param changes of the channel, ascending in time; before the first one the room is 0.
 */
export function computeCapacity(
  changes: readonly ChannelChange[],
  { firstMs, lastMs }: Pick<OverAdmissionClaim, 'firstMs' | 'lastMs'>,
): bigint {
  const fromMs = firstMs - BigInt(ADMISSION_DOUBT_MS);
  const toMs = lastMs + BigInt(ADMISSION_DOUBT_MS);
  const before = changes.findLast(({ timeMs }) => timeMs <= fromMs)?.roomAtomic ?? 0n;
  const rooms = changes.filter(({ timeMs }) => timeMs > fromMs && timeMs <= toMs).map(({ roomAtomic }) => roomAtomic);
  return [before, ...rooms].toSorted(compareNumbers).at(-1) as bigint;
}

export interface EvidenceSearch {
  /** Orders of one channel. */
  readonly orders: readonly OrderAdmission[];
  /**
   * Returns the largest room of the channel around admissions from `firstMs` to `lastMs`: computeCapacity with the changes of a
   * chain.
   */
  readonly capacityOf: (span: Pick<OverAdmissionClaim, 'firstMs' | 'lastMs'>) => bigint;
  /** The last admission must be later, because earlier ones have been punished. Default: none was. */
  readonly afterMs?: bigint;
}

/**
 * Finds the evidence that exceeds the channel's room by most. Candidates are the orders that had not expired at one of the
 * admissions, newest first. An older order adds its fee, and the room at its time. So evidence begins where the excess is
 * largest.
 * @returns undefined if no orders exceed the room.
 */
export function findOverAdmission(
  crypto: Crypto,
  ledger: LedgerDomain,
  { orders, capacityOf, afterMs = -1n }: EvidenceSearch,
): OverAdmission | undefined {
  const rows = orders.map((admitted) => ({
    ...admitted,
    named: nameOrder(crypto, ledger, parseOrder(admitted.order)),
  }));
  const newestFirst = [...new Map(rows.map((row) => [toHex(row.named.orderHash), row])).values()].toSorted((a, b) =>
    compareNumbers(b.admission.timeMs, a.admission.timeMs),
  );
  let best: { readonly found: typeof rows; readonly excess: bigint } | undefined;
  for (const lastMs of new Set(newestFirst.map(({ admission }) => admission.timeMs))) {
    if (lastMs <= afterMs) break;
    const alive = newestFirst
      .filter(({ named, admission }) => admission.timeMs <= lastMs && named.expiresAtMs > lastMs)
      .slice(0, MAX_EVIDENCE_ORDERS);
    let heldAtomic = 0n;
    for (const [i, { named, admission }] of alive.entries()) {
      heldAtomic += named.maxFeeAtomic;
      const excess = heldAtomic - capacityOf({ firstMs: admission.timeMs, lastMs });
      if (excess > (best?.excess ?? 0n)) best = { found: alive.slice(0, i + 1), excess };
    }
  }
  if (best === undefined) return undefined;
  const sorted = best.found.toSorted((a, b) => compareBytes(a.named.orderHash, b.named.orderHash));
  return { orders: sorted.map(({ order, signature, admission }) => ({ order, signature, admission })) };
}

function compareNumbers(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
