import { toHex } from '@ogong/protocol/base/bytes';
import type { Order } from '@ogong/protocol/exchange/order';

/**
 * Until an order is admitted, its prompt is not processed: a payer without funds would get the work for nothing. A payer whose
 * latest orders were admitted by the same validator does not wait. As many of its orders are processed while they are admitted,
 * four at most. A refusal ends that. So a payer needs one admitted order for each prompt that it gets for nothing.
 */
export interface PayingPayers {
  /**
   * @param admission of this order.
   * @returns whether the prompt may be processed meanwhile.
   */
  watch(order: Pick<Order, 'payer' | 'validator'>, admission: Promise<unknown>): boolean;
}

const MAX_REMEMBERED = 10_000;
/** Orders of one payer that are processed while they are admitted. */
const MOST_EARLY = 4;

/** @param limit payers that are remembered; the one admitted longest ago is forgotten first. */
export function createPayingPayers(limit: number = MAX_REMEMBERED): PayingPayers {
  /** Orders admitted since the last refusal, up to MOST_EARLY. Ascending by the time of the last admission. */
  const admitted = new Map<string, number>();
  /** Number of orders that wait for their admission. */
  const waiting = new Map<string, number>();

  function end(name: string): void {
    const left = (waiting.get(name) as number) - 1;
    if (left > 0) waiting.set(name, left);
    else waiting.delete(name);
  }

  function remember(name: string): void {
    end(name);
    const count = Math.min(MOST_EARLY, (admitted.get(name) ?? 0) + 1);
    admitted.delete(name);
    admitted.set(name, count);
    const [oldest] = admitted.keys();
    if (admitted.size > limit && oldest !== undefined) admitted.delete(oldest);
  }

  function forget(name: string): void {
    end(name);
    admitted.delete(name);
  }

  return {
    watch({ payer, validator }, admission) {
      const name = `${toHex(payer)} ${toHex(validator)}`;
      const others = waiting.get(name) ?? 0;
      waiting.set(name, others + 1);
      admission.then(
        () => remember(name),
        () => forget(name),
      );
      return others < (admitted.get(name) ?? 0);
    },
  };
}
