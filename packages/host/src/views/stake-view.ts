import type { ChainClient } from '@ogong/chain/client';
import { toHex } from '@ogong/protocol/base/bytes';

export type StakeView = ReturnType<typeof createStakeView>;

/**
 * Stake per payee, as last read.
 * @param read `stakesOf` for draws of verifiers, `prioritiesOf` for routing.
 */
export function createStakeView<T extends 'stakesOf' | 'prioritiesOf'>(
  { client }: { readonly client: () => Promise<Pick<ChainClient, T>> },
  read: T,
) {
  let stakes: ReadonlyMap<string, bigint> = new Map();
  return {
    /** Zero until it was read: stake is optional, and a chain that is down must stop neither the market nor audits. */
    stakeOf: (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n,
    isKnown: (payee: Uint8Array): boolean => stakes.has(toHex(payee)),
    /** Reads these payees and forgets all others. The earlier values stay in force until all are read. */
    async refresh(payees: readonly Uint8Array[]): Promise<void> {
      const wanted = new Map(payees.map((payee) => [toHex(payee), payee]));
      const chain: Pick<ChainClient, T> = await client();
      const amounts = await chain[read]([...wanted.values()]);
      stakes = new Map([...wanted.keys()].map((name, i) => [name, amounts[i] as bigint]));
    },
  };
}
