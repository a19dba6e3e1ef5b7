import type { ChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import type { ChainView } from '@ogong/host/views/chain-view';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';

/**
 * Stakes the missing part of the least bond and registers the account as a router. It can be repeated after a failure.
 * @param ticketKey hash of the key that signs its tickets.
 * @throws ChainError
 */
export async function registerRouter(
  client: Pick<ChainClient, 'address' | 'parameters' | 'stakeOf' | 'stake' | 'routerOf' | 'registerRouter'>,
  ticketKey: Uint8Array,
): Promise<'registered' | 'unchanged'> {
  const address = client.address as NonNullable<ChainClient['address']>;
  const [{ limits }, staked, found] = await Promise.all([
    client.parameters(),
    client.stakeOf(address),
    client.routerOf(address),
  ]);
  if (staked < limits.minimumRouterBond) await client.stake(limits.minimumRouterBond - staked);
  if (found?.ticketKey === bytesToHex(ticketKey) && found.until === 0n) return 'unchanged';
  await client.registerRouter(ticketKey);
  return 'registered';
}

/**
 * Returns the reason why this router's tickets are refused, with the command that helps; undefined if they are accepted.
 * @throws ChainError
 */
export async function findRegistrationProblem(
  { router: find, parameters }: Pick<ChainView, 'router' | 'parameters'>,
  named: { readonly router: Uint8Array; readonly ticketKey: Uint8Array },
  nowMs: number,
): Promise<string | undefined> {
  const problem = await findRouterProblem(find, named, computeSpanAround(nowMs));
  if (problem === undefined) return undefined;
  const least = parameters()?.limits.minimumRouterBond;
  const bond = least === undefined ? 'the least bond of the network' : `a bond of ${least} atomic units`;
  return `nobody takes the tickets of this router: ${problem}. With ${bond} in its account, run: ogong-routerd register`;
}
