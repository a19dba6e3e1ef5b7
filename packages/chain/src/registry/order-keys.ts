import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { OrderKeyGrant } from '@ogong/protocol/exchange/order-key-grants';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { ChainClient } from '../client.ts';

/**
 * Finds the key that signed a receipt's order in its payer's place, if the chain says that it may. None if the payer signed itself, or
 * if the receipt is of another ledger. @throws ChainError
 */
export async function readOrderKeys(
  crypto: Crypto,
  chain: Pick<ChainClient, 'keyLimitOf'>,
  { ledger, order: signed }: Pick<Receipt, 'ledger' | 'order'>,
): Promise<readonly OrderKeyGrant[]> {
  const order = read(() => nameOrder(crypto, ledger, parseOrder(signed.bytes)));
  if (order === undefined || crypto.verifyAddress(order.orderHash, signed.signature, order.payer)) return [];
  const key = crypto.recoverAddress(order.orderHash, signed.signature);
  if (key === undefined) return [];
  const { payer, validator } = order;
  const limitAtomic = await chain.keyLimitOf(payer, validator, key);
  return limitAtomic === 0n ? [] : [{ payer, validator, key, limitAtomic }];
}

/** An unreadable part is a failed check of the receipt itself. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
