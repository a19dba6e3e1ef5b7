import { equalBytes, toHex } from '../base/bytes.ts';
import { type Check, check } from '../base/checks.ts';
import { type Codec, flag, hash, optional, struct, u8, u64, within } from '../base/codec.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import type { Order } from '../exchange/order.ts';
import { isExactClass } from '../tier/exact-class.ts';

/**
 * A consumer's demands on its provider (docs/spec/request.md). They are part of the request, so the hash in the order binds
 * everybody to them.
 */
export interface Demands {
  /** The answer must come from a class that another machine reproduces bit for bit. */
  readonly exact: boolean;
  /** Root of the weights, 32 bytes; undefined for any weights under the model's name. */
  readonly modelRoot: Uint8Array | undefined;
  /** A reply in doubt after its audit is not paid. */
  readonly acceptedOnly: boolean;
  /**
   * Price of 1,000 prompt tokens of a reply that its payer does not take. The payer may order another one and take that.
   * Default: every ordered reply is paid for (docs/spec/progress.md#standby-orders).
   */
  readonly standbyPer1kAtomic?: bigint;
}

export const NO_DEMANDS: Demands = { exact: false, modelRoot: undefined, acceptedOnly: false };

const madeCodec = struct({ exact: flag, modelRoot: optional(hash) });
const paidCodec = within(u8, 0, 3);
const ACCEPTED_ONLY = 1;
const STANDBY = 2;

/** The encoding in a request's summary. Without a standby price the bytes are those of the earlier format. */
export const demandsCodec: Codec<Demands> = {
  write(writer, demands) {
    madeCodec.write(writer, demands);
    const { acceptedOnly, standbyPer1kAtomic } = demands;
    paidCodec.write(writer, (acceptedOnly ? ACCEPTED_ONLY : 0) + (standbyPer1kAtomic === undefined ? 0 : STANDBY));
    if (standbyPer1kAtomic !== undefined) u64.write(writer, standbyPer1kAtomic);
  },
  read(reader) {
    const made = madeCodec.read(reader);
    const paid = paidCodec.read(reader);
    const acceptedOnly = (paid & ACCEPTED_ONLY) !== 0;
    if ((paid & STANDBY) === 0) return { ...made, acceptedOnly };
    return { ...made, acceptedOnly, standbyPer1kAtomic: u64.read(reader) };
  },
};

export interface OfferedWeights {
  readonly numericClass: string;
  readonly modelRoot: Uint8Array;
}

/** Finds a demand that an offer does not meet; undefined if it meets all. */
export function findUnmetDemand(
  { exact, modelRoot }: Pick<Demands, 'exact' | 'modelRoot'>,
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

/** Finds the reason that a provider does not stand by at the price of a request; undefined if it does, or none is named. */
export function findStandbyProblem(
  { standbyPer1kAtomic: offered }: Pick<Demands, 'standbyPer1kAtomic'>,
  { standbyPer1kAtomic: price }: { readonly standbyPer1kAtomic?: bigint | undefined },
): string | undefined {
  if (offered === undefined) return undefined;
  if (price === undefined) return 'the provider does not stand by: it serves no request that names a standby price';
  if (offered >= price) return undefined;
  return `the request pays ${offered} per 1k prompt tokens for standing by, the price is ${price}`;
}

/** Checks that the reply meets the demands. @returns no check without demands. */
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
