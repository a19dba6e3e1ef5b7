import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import { isTransferUsed, submitTransfer } from '@ogong/chain/signed-transfers';
import type { Transactor } from '@ogong/chain/transactor';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { closeVoucher, listOpenVouchers, reopenVoucher } from './relay-payments.ts';

export interface RedeemedVoucher {
  readonly nonce: string;
  readonly payer: string;
  readonly valueAtomic: bigint;
  readonly outcome: 'redeemed' | 'refused';
  readonly detail: string;
}

/**
 * Submits what nodes have signed, one voucher after the other. Each is closed before it is submitted, so that its node signs the next one
 * under another nonce whatever becomes of this process; what was submitted before a crash is found on the chain.
 */
export async function redeemVouchers(
  {
    store,
    transactor,
    token,
    payee,
  }: { readonly store: Store; readonly transactor: Transactor; readonly token: Address; readonly payee: Uint8Array },
  { leastAtomic }: { readonly leastAtomic: bigint },
): Promise<RedeemedVoucher[]> {
  const done: RedeemedVoucher[] = [];
  for (const { nonce, payer, valueAtomic, validBeforeS, signature } of store.read(() => listOpenVouchers(store))) {
    if (valueAtomic < leastAtomic) continue;
    const said = { nonce: toHex(nonce), payer: `0x${toHex(payer)}`, valueAtomic };
    store.transact((db) => closeVoucher(db, nonce));
    try {
      if (!(await isTransferUsed(transactor, token, { from: payer, nonce }))) {
        const transfer = {
          from: payer,
          to: payee,
          value: valueAtomic,
          validBefore: BigInt(validBeforeS),
          nonce,
          signature,
        };
        await submitTransfer(transactor, token, transfer);
      }
      done.push({ ...said, outcome: 'redeemed', detail: '' });
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      // The payer may hold less than it signed for: it stays open, and counts against what is taken of this payer.
      store.transact((db) => reopenVoucher(db, nonce));
      done.push({ ...said, outcome: 'refused', detail: error.message });
    }
  }
  return done;
}
