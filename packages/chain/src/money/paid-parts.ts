import type { Deployment } from '../deployment.ts';
import { cosignersAbi, settlementAbi } from '../generated/abi.ts';
import { type BytesLike, toAddress } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';
import { cosignersOf } from '../validators/cosigners.ts';

/** Searches all events. */
export function createPaidReads(
  { read }: Pick<Transactor, 'read'>,
  deployment: Pick<Deployment, 'settlement' | 'staking' | 'block'>,
) {
  return {
    /**
     * Reads an account's credits in the escrow from the first batch on, atomic units. They count as the maker of models, and as a co-signer
     * that has claimed from the pots.
     */
    partsPaid(account: BytesLike): Promise<{ readonly makerAtomic: bigint; readonly cosignerAtomic: bigint }> {
      const owner = toAddress(account, 'account');
      return read('parts of fees', async (client) => {
        const [settlement, cosigners] = [deployment.settlement, cosignersOf(deployment)];
        let [makerAtomic, cosignerAtomic] = [0n, 0n];
        const last = await client.getBlockNumber({ cacheTime: 0 });
        for (const range of listRanges(BigInt(deployment.block), last)) {
          const [made, signed] = await Promise.all([
            client.getContractEvents({
              ...{ address: settlement, abi: settlementAbi, eventName: 'MakerPaid', strict: true },
              ...{ args: { maker: owner }, ...range },
            }),
            client.getContractEvents({
              ...{ address: cosigners, abi: cosignersAbi, eventName: 'CosignerPaid', strict: true },
              ...{ args: { account: owner }, ...range },
            }),
          ]);
          for (const { args } of made) makerAtomic += args.amount;
          for (const { args } of signed) cosignerAtomic += args.amount;
        }
        return { makerAtomic, cosignerAtomic };
      });
    },
  };
}
