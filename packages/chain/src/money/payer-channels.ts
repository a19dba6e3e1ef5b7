import type { Deployment } from '../deployment.ts';
import { escrowAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, lowerHex, toAddress } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';

/** Everybody for whom a payer ever reserved something, those that are validators no more too. */
export function readPayerValidators(
  { read }: Pick<Transactor, 'read'>,
  { escrow: address, block }: Pick<Deployment, 'escrow' | 'block'>,
  payer: BytesLike,
): Promise<readonly Address[]> {
  const event = { address, abi: escrowAbi, eventName: 'Admitted', strict: true } as const;
  const args = { payer: toAddress(payer, 'payer') };
  return read("a payer's channels", async (client) => {
    const last = await client.getBlockNumber({ cacheTime: 0 });
    const found = new Set<Address>();
    for (const range of listRanges(BigInt(block), last)) {
      const logs = await client.getContractEvents({ ...event, args, ...range });
      for (const { args: named } of logs) found.add(lowerHex(named.validator));
    }
    return [...found];
  });
}
