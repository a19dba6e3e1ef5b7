import { formatTokens } from '@ogong/protocol/base/amount';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { type Check, GatewayApiError, ReceiptError } from '@ogong/sdk';
import { ToolError } from './tool-error.ts';

/** A purchase of answers. */
export interface Bought {
  readonly replies: readonly { readonly checks: readonly Check[] }[];
}

/** The fees of this process by their receipts, and their limit. */
export interface FeeMeter {
  /** Sum of the fees, atomic units. */
  spentAtomic(): bigint;
  /**
   * Buys answers and counts their fees. With a limit, one purchase runs at a time, so only the last answer can exceed it. A purchase goes
   * on to its receipt after its caller has left, because a gateway charges for a cancelled request, too.
   * @param signal of the caller.
   * @throws ToolError `budget` once the limit is reached.
   */
  buy<T extends Bought>(purchase: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** A purchase ends after this time. An order lives nine minutes at most. */
const PURCHASE_MS = 15 * 60_000;

/**
 * @param limitAtomic undefined: no limit.
 * @param purchaseMs longest time of a purchase whose caller may have left. Default: 15 minutes.
 */
export function createFeeMeter(limitAtomic: bigint | undefined, purchaseMs = PURCHASE_MS): FeeMeter {
  let spent = 0n;
  /** The dearest purchase so far, atomic units. */
  let dearest = 0n;
  let last: Promise<unknown> = Promise.resolve();

  async function buyNow<T extends Bought>(purchase: () => Promise<T>): Promise<T> {
    if (limitAtomic !== undefined && spent >= limitAtomic)
      throw new ToolError(
        'budget',
        `the answers cost ${formatTokens(spent)} of ${formatTokens(limitAtomic)} OGONG; ask the user`,
      );
    let bought: T;
    try {
      bought = await purchase();
    } catch (error) {
      spent += boundFee(error, dearest);
      throw error;
    }
    const fee = bought.replies.reduce((sum, { checks }) => sum + (readCheckedFee(checks) ?? 0n), 0n);
    spent += fee;
    if (fee > dearest) dearest = fee;
    return bought;
  }

  return {
    spentAtomic: () => spent,
    buy(purchase, signal) {
      if (limitAtomic === undefined) return buyNow(() => purchase(signal));
      const next = last.then(() => {
        signal.throwIfAborted();
        return buyNow(() => purchase(AbortSignal.timeout(purchaseMs)));
      });
      last = next.catch(() => {});
      return next;
    },
  };
}

/**
 * Returns the fee that counts for a failed purchase. A refused request costs nothing. An answer whose receipt failed another check costs its
 * fee. Any other failure may hide a fee, and counts as much as the dearest purchase.
 */
function boundFee(error: unknown, dearest: bigint): bigint {
  if (error instanceof GatewayApiError && error.status < 500) return 0n;
  return (error instanceof ReceiptError ? readCheckedFee(error.checks) : undefined) ?? dearest;
}
