import { toHex } from '@ogong/protocol/base/bytes';
import type { Order } from '@ogong/protocol/exchange/order';

/**
 * Until an order is admitted, its prompt is not processed: a payer without funds would get the work for nothing. Where the last
 * order of the same payer was admitted by the same validator, the two go on at once, which is faster. A refusal ends that, and of
 * the orders that nobody has admitted yet, one at a time is served so.
 */
export interface PayingPayers {
  /**
   * @param admission of this order.
   * @returns whether the prompt may be processed meanwhile.
   */
  watch(order: Pick<Order, 'payer' | 'validator'>, admission: Promise<unknown>): boolean;
}

const MAX_REMEMBERED = 10_000;

/** @param limit payers that are remembered; the one admitted longest ago is forgotten first. */
export function createPayingPayers(limit: number = MAX_REMEMBERED): PayingPayers {
  /** Ascending by when they were last admitted. */
  const admitted = new Set<string>();
  /** How many orders wait for their admission. */
  const waiting = new Map<string, number>();

  function end(name: string): void {
    const left = (waiting.get(name) as number) - 1;
    if (left > 0) waiting.set(name, left);
    else waiting.delete(name);
    admitted.delete(name);
  }

  function remember(name: string): void {
    end(name);
    admitted.add(name);
    const [oldest] = admitted;
    if (admitted.size > limit && oldest !== undefined) admitted.delete(oldest);
  }

  return {
    watch({ payer, validator }, admission) {
      const name = `${toHex(payer)} ${toHex(validator)}`;
      const others = waiting.get(name) ?? 0;
      waiting.set(name, others + 1);
      admission.then(
        () => remember(name),
        () => end(name),
      );
      return others === 0 && admitted.has(name);
    },
  };
}
