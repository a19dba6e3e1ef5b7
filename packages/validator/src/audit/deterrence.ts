import type { TierDemands } from '@ogong/host/views/earnings-view';
import { PAIR_PPM } from '@ogong/protocol/audit/audit';
import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { computeFeeBound, type Ramp } from '@ogong/protocol/audit/fee-bound';
import type { Order } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { PPM } from '@ogong/protocol/exchange/reputation';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';

/**
 * What a provider's key holds for a payee when an order of that time is decided, atomic units; undefined on a network that
 * holds no earnings. The same for all who ask, whenever they ask. Rejects where the chain cannot be read.
 */
export type HeldFor = (
  account: Pick<VerdictEntry, 'providerId' | 'payee'>,
  orderedMs: number,
) => Promise<bigint | undefined>;

/**
 * The coverage under which forging this reply gains its provider nothing, parts per million; 0 on a network that holds no
 * earnings. It follows from the chain and the order alone, so a validator and its co-signers compute the same.
 * The order's time is the earliest that its expiry allows: the payer has signed it, and nobody else can move it.
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

/** What the chain says about the earnings of providers. */
export interface Holdings extends TierDemands {
  /** What an order may cost. Rejects where the chain cannot be read. */
  readonly ramp: () => Promise<Ramp>;
}

/**
 * Why an order pays more than its provider may risk; undefined where it does not. It follows from the chain and the order alone, as
 * the coverage does. Rejects where the chain cannot be read.
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
  // Most orders need no look at what their provider holds.
  if (entranceAtomic === 0n || maxFeeAtomic <= entranceAtomic) return undefined;
  const heldAtomic = await heldFor({ providerId, payee }, computeOrderSpan({ expiresAtMs }).fromMs);
  const bound = heldAtomic === undefined ? undefined : computeFeeBound(ramp, heldAtomic);
  if (bound === undefined || maxFeeAtomic <= bound) return undefined;
  return `the order pays up to ${maxFeeAtomic}, its provider holds ${heldAtomic} and may be paid up to ${bound} at once`;
}

/** A key that would gain by forging even if every reply were audited has each audit done by two verifiers of different operators. */
export function computePairPpm(deterringPpm: number): number {
  return deterringPpm >= PPM ? PPM : PAIR_PPM;
}
