import type { Channel } from '@ogong/chain/client';
import type { Debt } from '@ogong/protocol/settlement/batch';

/**
 * Payers that cannot be debited for what they owe, by the chain as it is now: the reserve in the channel is smaller. The
 * voucher does not have to be checked: an order is admitted only if the newest voucher covers all that is owed
 * (docs/spec/validator.md).
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
