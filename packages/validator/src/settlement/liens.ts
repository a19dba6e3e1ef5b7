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
 * Takes a lien on the channel of each payer that asks back what it owes or may come to owe, by the newest voucher that it signed:
 * so the money is there for one withdrawal delay more, should settlement stand still (docs/spec/batches.md). A payer makes the
 * validator pay for one transaction a request, and pays for the request itself.
 * @throws ChainError where the chain cannot be reached. A lien that cannot be taken is reported, and tried again in the next step.
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
