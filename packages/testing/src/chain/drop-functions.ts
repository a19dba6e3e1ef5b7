import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { toFunctionSelector } from 'viem';

/**
 * Removes functions from a contract, as if an earlier version lacked them. A proxy refuses them without a reason.
 * @returns a function that restores them.
 */
export async function dropFunctions(
  { governor }: { readonly governor: Pick<ChainClient, 'transactor'> },
  contract: Hex,
  functions: readonly string[],
): Promise<() => Promise<void>> {
  const { client } = governor.transactor;
  const setCode = async (at: Hex, code: Hex): Promise<void> => {
    await client.request({ method: 'anvil_setCode', params: [at, code] } as never);
  };
  const code = await client.getCode({ address: contract });
  if (code === undefined) throw new Error('no contract is there');
  const behind = computeAddress(generatePrivateKey());
  await setCode(behind, code);
  const checks = functions.map((one) => `8063${toFunctionSelector(one).slice(2)}1461REFU57`).join('');
  // In order: the selector, the checks, the delegate call with this storage, its answer.
  const body = `5f3560e01c${checks}50365f5f375f5f365f73${behind.slice(2)}5af43d5f5f3e61BACK573d5ffd`;
  const end = body.length / 2;
  const toWord = (at: number): string => at.toString(16).padStart(4, '0');
  const placed = body.replaceAll('BACK', toWord(end)).replaceAll('REFU', toWord(end + 4));
  await setCode(contract, `0x${placed}5b3d5ff35b5f5ffd`);
  return () => setCode(contract, code);
}
