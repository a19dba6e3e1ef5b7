import { encodeFunctionData, erc20Abi, maxUint256 } from 'viem';
import { ChainError } from '../errors.ts';
import type { Address } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/**
 * Amount of an allowance that a call needs and the caller has not given: the amount of that call, or all tokens for good.
 * A daemon that deposits again and again gives `unlimited` once. The contracts take tokens only in calls that the caller makes.
 */
export type TokenApproval = 'exact' | 'unlimited';

export type Allow = (token: Address, spender: Address, amount: bigint) => Promise<void>;

export function createAllow(
  { read, send, address: owner }: Pick<Transactor, 'read' | 'send' | 'address'>,
  approval: TokenApproval,
): Allow {
  return async (token, spender, amount) => {
    if (!owner) throw new ChainError('no-account', 'this client has no private key');
    const allowance = await read('allowance', (client) =>
      client.readContract({ address: token, abi: erc20Abi, functionName: 'allowance', args: [owner, spender] }),
    );
    if (allowance >= amount) return;
    const approve = (value: bigint) =>
      send('approve', token, encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [spender, value] }));
    // Of a call that failed after its approval. Some tokens change no allowance that is not zero.
    if (allowance > 0n) await approve(0n);
    await approve(approval === 'exact' ? amount : maxUint256);
  };
}
