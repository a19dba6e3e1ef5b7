import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { settlementAbi as abi } from '../generated/abi.ts';
import { type BytesLike, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';

interface ReinstatementReads {
  /**
   * When this ejection of the provider was lifted, seconds since 1970: everybody who reads the chain later finds the same. Needs no state of old
   * blocks. @throws ChainError where the node has lost that event
   */
  reinstatedAt(providerId: BytesLike, ejection: number): Promise<bigint>;
}

export function createReinstatementReads(
  { read }: Pick<Transactor, 'read'>,
  { settlement: address, block }: Pick<Deployment, 'settlement' | 'block'>,
): ReinstatementReads {
  return {
    async reinstatedAt(providerId, ejection) {
      const args = { providerId: toHex(providerId, 'providerId', 32) };
      const event = { address, abi, eventName: 'Reinstated', args, strict: true } as const;
      return read('reinstatement', async (client) => {
        const last = await client.getBlockNumber({ cacheTime: 0 });
        for (const range of listRanges(BigInt(block), last)) {
          const events = await client.getContractEvents({ ...event, ...range });
          const lifted = events.find((one) => one.args.ejection === ejection);
          if (lifted !== undefined) return (await client.getBlock({ blockNumber: lifted.blockNumber })).timestamp;
        }
        throw new ChainError('bad-input', `no event lifts ejection ${ejection}: the node has lost some`);
      });
    },
  };
}
