import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { escrowAbi } from '@ogong/chain/generated/abi';
import { type BytesLike, type Hex, toAddress } from '@ogong/chain/hex';
import { createWrites } from '@ogong/chain/ledger-writes';
import type { DevChain } from '@ogong/devnet/chain/dev-chain';
import { unit } from './test-ledger.ts';

/**
 * A contract wallet: `isValidSignature(digest, signature)` is `storage[digest] ? 0x1626ba7e : 0`. Its owner accepts digests one by one,
 * as in multi-signature wallets. The code in order: push(4) calldataload sload, selector of the call, mul, return 32 bytes.
 */
const RUNTIME = '6004355460003560e01c60e01b0260005260206000f3';
/** Returns the code behind it. */
const INIT = `60${(RUNTIME.length / 2).toString(16)}80600b6000396000f3`;

export interface TestWallet {
  readonly address: Hex;
  /** Accepts, as its owner, a key that may sign orders for it. */
  agree(allowed: { readonly key: Hex; readonly cumulative: bigint }): Promise<void>;
}

/** The place of a wallet: a chain of the test's own, and an account with tokens there. */
export interface WalletPlace {
  readonly governor: ChainClient;
  readonly deployment: Deployment;
  readonly chain: Pick<DevChain, 'setBalance'>;
}

/** Deploys a wallet with a unit of tokens reserved for a validator. */
export async function deployWallet(ledger: WalletPlace, validator: BytesLike): Promise<TestWallet> {
  const { governor, deployment } = ledger;
  const { client, send, read } = governor.transactor;
  const { contractAddress } = await send('deploy a wallet', undefined, `0x${INIT}${RUNTIME}`);
  if (!contractAddress) throw new Error('no wallet was deployed');
  const address = contractAddress.toLowerCase() as Hex;
  const request = (method: string, ...params: unknown[]) => client.request({ method, params } as never);
  // The wallet moves its own money: the chain accepts transactions in its name.
  await request('anvil_impersonateAccount', address);
  await ledger.chain.setBalance(address, unit);
  await governor.transfer(address, unit);
  const own = createWrites(
    {
      ...governor.transactor,
      address,
      async send(what, to, data) {
        const hash = (await request('eth_sendTransaction', { from: address, to, data, gas: '0x7a120' })) as Hex;
        return read(what, (chain) => chain.waitForTransactionReceipt({ hash }));
      },
    },
    deployment,
  );
  await own.deposit(unit);
  await own.admit(validator, unit);
  return {
    address,
    async agree({ key, cumulative }) {
      const args = [address, toAddress(validator, 'validator'), key, cumulative] as const;
      const digest = await read('order key digest', (chain) =>
        chain.readContract({ abi: escrowAbi, address: deployment.escrow, functionName: 'orderKeyDigest', args }),
      );
      await request('anvil_setStorageAt', address, digest, `0x${'00'.repeat(31)}01`);
    },
  };
}
