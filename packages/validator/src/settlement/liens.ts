import type { ChainClient } from '@ogong/chain/client';
import type { Store } from '@ogong/host/store/store';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createVoucher } from '@ogong/protocol/settlement/batch';
import { listDebtors, readVoucher } from '../store/channel-store.ts';

/** Channels that are read in one step. */
const MAX_READ = 512;

export interface LienState {
  readonly crypto: Crypto;
  readonly signer: Pick<LedgerSigner, 'address'>;
  readonly store: Store;
  readonly chain: { client(): Promise<Pick<ChainClient, 'channelOf' | 'lienOf' | 'takeLien'>> };
  readonly onLien: (payer: Uint8Array, cumulative: bigint) => void;
  readonly onError: (payer: Uint8Array, error: unknown) => void;
}

/**
 * Takes a lien on the channel of each payer that asks back money that it owes or may come to owe, by its newest
 * voucher. So the money stays for one more withdrawal delay if settlement stands still (docs/spec/batches.md). Each
 * request costs the validator one transaction and the payer one, too.
 * @throws ChainError if the chain cannot be reached. A lien that fails is reported, and tried again in the next step.
 */
export async function stepLiens({ crypto, signer, store, chain, onLien, onError }: LienState): Promise<void> {
  const debtors = store.read(() => listDebtors(store, MAX_READ));
  if (debtors.length === 0) return;
  const client = await chain.client();
  for (const { payer, state } of debtors) {
    try {
      const channel = await client.channelOf(payer, signer.address);
      const needed = channel.spent + state.owed + state.outstanding;
      if (channel.releasing === 0n || channel.spendable >= needed) continue;
      const newest = store.read(() => readVoucher(store, payer));
      if (newest === undefined) continue;
      const lien = await client.lienOf(payer, signer.address);
      if (lien.until !== 0n && lien.cumulative >= newest.order.cumulativeAtomic) continue;
      await client.takeLien(signer.address, createVoucher(crypto, newest.order, newest.signature));
      onLien(payer, newest.order.cumulativeAtomic);
    } catch (error) {
      onError(payer, error);
    }
  }
}
