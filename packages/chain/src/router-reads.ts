import type { RouterRegistration } from './client.ts';
import { stakingAbi } from './generated/abi.ts';
import { type Address, type BytesLike, lowerHex, toAddress } from './hex.ts';
import type { Transactor } from './transactor.ts';

/** @param address of the contract that holds stakes. */
export function createRouterReads({ read }: Pick<Transactor, 'read'>, address: Address) {
  const staking = { address, abi: stakingAbi } as const;
  return {
    /** What an account that stands or stood as a router registered; undefined where it never did. */
    routerOf(account: BytesLike): Promise<RouterRegistration | undefined> {
      const args = [toAddress(account, 'router')] as const;
      return read('router', async (client) => {
        const { ticketKey, since, until } = await client.readContract({ ...staking, functionName: 'routerOf', args });
        return since === 0n ? undefined : { ...lowerHex({ ticketKey }), since, until };
      });
    },
  };
}
