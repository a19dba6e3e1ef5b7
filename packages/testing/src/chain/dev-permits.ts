import { devPermit2Bytecode, devUptoProxyBytecode } from '@ogong/chain/generated/bytecode';
import type { Address, Hex } from '@ogong/chain/hex';
import { UPTO_PROXY } from '@ogong/chain/money/permits';
import { PERMIT2 } from '@ogong/chain/money/signed-approvals';
import { encodeFunctionData, erc20Abi } from 'viem';
import type { TestLedger } from './test-ledger.ts';

/** Puts the contracts of x402's scheme `upto` where public chains have them. */
export async function installPermits({ governor }: TestLedger): Promise<void> {
  const { client, send } = governor.transactor;
  for (const [address, bytecode] of [
    [PERMIT2, devPermit2Bytecode],
    [UPTO_PROXY, devUptoProxyBytecode],
  ] as const) {
    const { contractAddress } = await send('deploy a contract of permits', undefined, bytecode);
    const code = await client.getCode({ address: contractAddress as Hex });
    await client.request({ method: 'anvil_setCode', params: [address, code] } as never);
  }
}

/** Lets permits spend the tokens of an account, as its wallet does once. */
export async function allowPermits(
  { client }: Awaited<ReturnType<TestLedger['createMember']>>,
  token: Address,
  value: bigint,
): Promise<void> {
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [PERMIT2, value] });
  await client.transactor.send('approve permits', token, data);
}
