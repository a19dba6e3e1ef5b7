import type { TierDemands } from '@ogong/host/views/earnings-view';
import { PAIR_PPM } from '@ogong/protocol/audit/audit';
import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { computeFeeBound, type Ramp } from '@ogong/protocol/audit/fee-bound';
import type { Order } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { PPM } from '@ogong/protocol/exchange/reputation';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';

/**
 * Returns the amount that a provider's key holds for a payee at the time of an order, atomic units. Undefined on a
 * network without held earnings. All callers get the same answer at any time. Rejects if the chain cannot be read.
 */
export type HeldFor = (
  account: Pick<VerdictEntry, 'providerId' | 'payee'>,
  orderedMs: number,
) => Promise<bigint | undefined>;

/**
 * Returns the coverage under which forging this reply gains its provider nothing, parts per million. It is 0 on a
 * network without held earnings. It follows from the chain and the order alone, so a validator and its co-signers
 * compute the same. The order's time is the earliest that its expiry allows: the payer has signed it, so nobody else
 * can move it.
 */
export async function readDeterringPpm(
  heldFor: HeldFor,
  { providerId, payee, feeAtomic }: Pick<VerdictEntry, 'providerId' | 'payee' | 'feeAtomic'>,
  { expiresAtMs }: Pick<Order, 'expiresAtMs'>,
): Promise<number> {
  const heldAtomic = await heldFor({ providerId, payee }, computeOrderSpan({ expiresAtMs }).fromMs);
  if (heldAtomic === undefined) return 0;
  return computeAuditRate({ feeAtomic, heldAtomic, soundnessPpm: SOUNDNESS_PPM, basePpm: 0 });
}

/** Readings of the chain about the earnings of providers. */
export interface Holdings extends TierDemands {
  /** Returns the limits of an order's fee. Rejects where the chain cannot be read. */
  readonly ramp: () => Promise<Ramp>;
}

/**
 * Tells why an order pays more than its provider may risk, or undefined if it does not. It follows from the chain and
 * the order alone, as the coverage does. Rejects if the chain cannot be read.
 */
export async function findFeeProblem(
  { heldFor, ramp: readRamp }: Holdings,
  {
    providerId,
    payee,
    maxFeeAtomic,
    expiresAtMs,
  }: Pick<Order, 'providerId' | 'payee' | 'maxFeeAtomic' | 'expiresAtMs'>,
): Promise<string | undefined> {
  const ramp = await readRamp();
  const { entranceAtomic } = ramp;
  // Most orders need no reading of the provider's held earnings.
  if (entranceAtomic === 0n || maxFeeAtomic <= entranceAtomic) return undefined;
  const heldAtomic = await heldFor({ providerId, payee }, computeOrderSpan({ expiresAtMs }).fromMs);
  const bound = heldAtomic === undefined ? undefined : computeFeeBound(ramp, heldAtomic);
  if (bound === undefined || maxFeeAtomic <= bound) return undefined;
  return `the order pays up to ${maxFeeAtomic}, its provider holds ${heldAtomic} and may be paid up to ${bound} at once`;
}

/**
 * Returns the share of audits with two verifiers. All audits have two of different operators if the key would gain by
 * forging even at full coverage.
 */
export function computePairPpm(deterringPpm: number): number {
  return deterringPpm >= PPM ? PPM : PAIR_PPM;
}
