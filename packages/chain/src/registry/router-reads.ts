import { stakingAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/** An account that stands as a router. Times are seconds since 1970. */
export interface RouterRegistration {
  /** Hash of the key that signs its tickets. */
  readonly ticketKey: Hex;
  readonly since: bigint;
  /** When it is none any more; 0 while it does not leave. */
  readonly until: bigint;
}

/** @param address of the contract that holds stakes. */
export function createRouterReads({ read }: Pick<Transactor, 'read'>, address: Address) {
  const staking = { address, abi: stakingAbi } as const;
  return {
    /** Registration of an account that stands or stood as a router; undefined if it never did. */
    routerOf(account: BytesLike): Promise<RouterRegistration | undefined> {
      const args = [toAddress(account, 'router')] as const;
      return read('router', async (client) => {
        const { ticketKey, since, until } = await client.readContract({ ...staking, functionName: 'routerOf', args });
        return since === 0n ? undefined : { ...lowerHex({ ticketKey }), since, until };
      });
    },
  };
}
