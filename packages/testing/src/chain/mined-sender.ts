import type { Address, Hex } from '@ogong/chain/hex';
import type { TransactionReceipt } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { TestLedger } from './test-ledger.ts';

const GAS = 12_000_000n;

/** Sends a call and mines a block for it. @throws if the chain refuses the call. */
export type SendMined = (privateKey: Hex, to: Address, data: Hex) => Promise<TransactionReceipt>;

/** For tests that send thousands of calls: only they mine blocks from here on. */
export async function createMinedSender(ledger: TestLedger): Promise<SendMined> {
  const { client } = ledger.governor.transactor;
  const { chainId } = ledger.deployment;
  const nonces = new Map<Hex, number>();
  await ledger.chain.setBlockTime(100_000);
  return async (privateKey, to, data) => {
    const signer = privateKeyToAccount(privateKey);
    const nonce = nonces.get(privateKey) ?? (await client.getTransactionCount({ address: signer.address }));
    nonces.set(privateKey, nonce + 1);
    const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 6n };
    const raw = await signer.signTransaction({ to, data, nonce, gas: GAS, chainId, type: 'eip1559', ...fees });
    const hash = await client.sendRawTransaction({ serializedTransaction: raw });
    await client.request({ method: 'evm_mine' } as never);
    const receipt = await client.getTransactionReceipt({ hash });
    if (receipt.status !== 'success') throw new Error(`the chain refuses ${data.slice(0, 10)}`);
    return receipt;
  };
}
