import type { Channel } from '@ogong/chain/client';
import type { Debt } from '@ogong/protocol/settlement/batch';

/**
 * Who cannot be drawn for what is owed, by the chain as it is now: the reserve left in the channel is smaller. The
 * voucher needs no look: an order is admitted only where the newest one covers all that is owed (docs/spec/validator.md).
 * @param readChannel a reading of this moment, of the payer's channel with the validator that is owed.
 * @returns the payers, in the order of the debts. Rejects as readChannel does.
 */
export async function findUncollectable(
  readChannel: (payer: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>,
  debts: readonly Debt[],
): Promise<Uint8Array[]> {
  const channels = await Promise.all(debts.map(({ payer }) => readChannel(payer)));
  const reserved = channels.map(({ admitted, spent }) => admitted - spent);
  return debts.filter(({ amount }, i) => amount > (reserved[i] as bigint)).map(({ payer }) => payer);
}
