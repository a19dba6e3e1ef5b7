import type { Deployment } from '../deployment.ts';
import { parametersAbi, stakingAbi, validatorRegistryAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, lowerHex, toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/**
 * Votes as a quorum counts them at a block: those of one voting delay before, and the addresses of the keys that cast them.
 * @param blockNumber Default: the newest.
 */
export function readVotes(
  { read }: Pick<Transactor, 'read'>,
  { staking }: Pick<Deployment, 'staking'>,
  { accounts, blockNumber }: { readonly accounts: readonly Address[]; readonly blockNumber?: bigint },
): Promise<{ readonly each: readonly bigint[]; readonly signingKeys: readonly Address[]; readonly total: bigint }> {
  return read('votes', async (client) => {
    const at = blockNumber === undefined ? {} : { blockNumber };
    const call = { address: staking, abi: stakingAbi, functionName: 'votesOf', args: [accounts], ...at } as const;
    const [each, signingKeys, total] = await client.readContract(call);
    return { each, signingKeys: lowerHex(signingKeys), total };
  });
}

/**
 * The keys that counted for an account at two times, each once. A time that has not come counts as now.
 * @param timesMs Unix time in ms.
 */
export function readSigningKeys(
  { read }: Pick<Transactor, 'read'>,
  { registry: address, parameters }: Pick<Deployment, 'registry' | 'parameters'>,
  { account, timesMs }: { readonly account: BytesLike; readonly timesMs: readonly number[] },
): Promise<readonly Address[]> {
  const validator = toAddress(account, 'account');
  return read('signing keys', async (client) => {
    const { voting } = await client.readContract({ address: parameters, abi: parametersAbi, functionName: 'delays' });
    const { timestamp } = await client.getBlock();
    const keys = timesMs.map((ms) => {
      const time = BigInt(Math.floor(ms / 1_000));
      const since = (time < timestamp ? time : timestamp) - BigInt(voting);
      const args = [validator, since > 0n ? since : 0n] as const;
      return client.readContract({ address, abi: validatorRegistryAbi, functionName: 'signerAt', args });
    });
    return [...new Set(lowerHex(await Promise.all(keys)))];
  });
}

/** The accounts that keys signed for when a block counted their votes; the zero address for none. */
export function readAccountsAt(
  { read }: Pick<Transactor, 'read'>,
  { registry: address }: Pick<Deployment, 'registry'>,
  { signingKeys, blockNumber }: { readonly signingKeys: readonly Address[]; readonly blockNumber: bigint },
): Promise<readonly Address[]> {
  return read('accounts of signing keys', async (client) => {
    const registry = { address, abi: validatorRegistryAbi, blockNumber } as const;
    const since = await client.readContract({ ...registry, functionName: 'inForceSince' });
    const args = [signingKeys, BigInt(since)] as const;
    return lowerHex(await client.readContract({ ...registry, functionName: 'accountsAt', args }));
  });
}
