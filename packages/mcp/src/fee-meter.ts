import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { Check } from '@ogong/sdk';
import { ToolError } from './tool-error.ts';

/** The fees of this process by their receipts, and their limit. */
export interface FeeMeter {
  /** Sum of the fees, atomic units. */
  spentAtomic(): bigint;
  /**
   * Buys answers and counts their fees. With a limit, one purchase runs at a time, so only the last answer can exceed it.
   * @throws ToolError `budget` once the limit is reached.
   */
  buy<T extends { readonly replies: readonly { readonly checks: readonly Check[] }[] }>(
    purchase: () => Promise<T>,
  ): Promise<T>;
}

/** @param limitAtomic undefined: no limit. */
export function createFeeMeter(limitAtomic: bigint | undefined): FeeMeter {
  let spent = 0n;
  let last: Promise<unknown> = Promise.resolve();

  async function buyNow<T extends { readonly replies: readonly { readonly checks: readonly Check[] }[] }>(
    purchase: () => Promise<T>,
  ): Promise<T> {
    if (limitAtomic !== undefined && spent >= limitAtomic)
      throw new ToolError('budget', `the answers cost ${spent} of ${limitAtomic} atomic units; ask the user`);
    const bought = await purchase();
    for (const { checks } of bought.replies) spent += readCheckedFee(checks) ?? 0n;
    return bought;
  }

  return {
    spentAtomic: () => spent,
    buy(purchase) {
      if (limitAtomic === undefined) return buyNow(purchase);
      const next = last.then(() => buyNow(purchase));
      last = next.catch(() => {});
      return next;
    },
  };
}
