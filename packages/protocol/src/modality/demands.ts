import { equalBytes, toHex } from '../base/bytes.ts';
import { type Check, check } from '../base/checks.ts';
import { type Codec, flag, hash, optional, struct } from '../base/codec.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import type { Order } from '../exchange/order.ts';
import { isExactClass } from '../tier/exact-class.ts';

/**
 * What a consumer asks of whoever answers (docs/spec/request.md). It stands in the request, so the hash in the order binds everybody
 * to it.
 */
export interface Demands {
  /** The answer comes from a class that another machine reproduces bit for bit. */
  readonly exact: boolean;
  /** Of the weights, 32 bytes; undefined for any that bear the model's name. */
  readonly modelRoot: Uint8Array | undefined;
  /** A reply that its audit leaves in doubt is not paid. */
  readonly acceptedOnly: boolean;
}

export const NO_DEMANDS: Demands = { exact: false, modelRoot: undefined, acceptedOnly: false };

/** As a request's summary holds them. */
export const demandsCodec: Codec<Demands> = struct({ exact: flag, modelRoot: optional(hash), acceptedOnly: flag });

export interface OfferedWeights {
  readonly numericClass: string;
  readonly modelRoot: Uint8Array;
}

/** Why an offer does not meet what was demanded; undefined where it does. */
export function findUnmetDemand(
  { exact, modelRoot }: Omit<Demands, 'acceptedOnly'>,
  offer: OfferedWeights,
): string | undefined {
  if (exact && !isExactClass(offer.numericClass)) {
    return `the request demands an exact class; ${offer.numericClass} is none`;
  }
  if (modelRoot !== undefined && !equalBytes(modelRoot, offer.modelRoot)) {
    return `the request demands weights ${toHex(modelRoot)}; these are ${toHex(offer.modelRoot)}`;
  }
  return undefined;
}

/** Whether the reply was made as demanded. @returns no check where nothing was demanded. */
export function checkDemands(
  { numericClass }: Pick<CommonHeader, 'numericClass'>,
  { modelRoot }: Pick<Order, 'modelRoot'>,
  { demands }: { readonly demands: Demands },
): readonly Check[] {
  const { exact, acceptedOnly } = demands;
  if (!exact && demands.modelRoot === undefined && !acceptedOnly) return [];
  const problem = findUnmetDemand(demands, { numericClass, modelRoot });
  const made = acceptedOnly
    ? 'made as the request demands; it is not paid if its audit leaves a doubt'
    : 'made as the request demands';
  return [check('demands', problem === undefined, [made, problem ?? ''])];
}
