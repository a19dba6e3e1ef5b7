import { Refusal } from '@ogong/host/link/link-error';
import { computeReplyFee, FeeError } from '@ogong/protocol/exchange/fee';

/** Computes the fee of a reply. @throws Refusal if the order does not pay for all of it. */
export function computeFullFee(...[order, bounds, reply]: Parameters<typeof computeReplyFee>): bigint {
  try {
    return computeReplyFee(order, bounds, reply);
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    throw new Refusal('invalid', `the reply could not be billed in full: ${error.message}`);
  }
}
