import type { ChainClient } from '@ogong/chain/client';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeRoom } from '@ogong/protocol/settlement/unvested';

/**
 * Returns the amount that may settle within the next periods, for all validators together. Undefined if earnings are
 * not held, or credits are paid. @throws ChainError
 */
export async function readBondRoom(
  client: Partial<Pick<ChainClient, 'unvested'>> & Pick<ChainClient, 'votesOf'>,
  validators: readonly Pick<QuorumMember, 'address'>[],
): Promise<bigint | undefined> {
  const unvested = await client.unvested?.();
  if (unvested === undefined) return undefined;
  const { total } = await client.votesOf(validators.map(({ address }) => address));
  return computeRoom(unvested, total);
}
