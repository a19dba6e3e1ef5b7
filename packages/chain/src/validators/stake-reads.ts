import type { PublicClient } from 'viem';
import type { Deployment } from '../deployment.ts';
import { stakingAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/** Times are seconds since 1970. */
export interface Staked {
  readonly amount: bigint;
  readonly leaving: bigint;
  readonly leavesAt: bigint;
}

const READS_AT_A_TIME = 16;

export function createStakeReads({ read }: Pick<Transactor, 'read'>, deployment: Deployment) {
  const staking = { address: deployment.staking, abi: stakingAbi } as const;

  /** At one block: stake that moves between two readings would count twice. */
  async function readMany(
    payees: readonly BytesLike[],
    readOne: (client: PublicClient, payee: Address, blockNumber: bigint) => Promise<bigint>,
  ): Promise<bigint[]> {
    const addresses = payees.map((payee) => toAddress(payee, 'payee'));
    const blockNumber = await read('head', (client) => client.getBlockNumber({ cacheTime: 0 }));
    const stakes: bigint[] = [];
    while (stakes.length < addresses.length) {
      const some = addresses.slice(stakes.length, stakes.length + READS_AT_A_TIME);
      const found = await read('stake', (client) =>
        Promise.all(some.map((payee) => readOne(client, payee, blockNumber))),
      );
      stakes.push(...found);
    }
    return stakes;
  }

  return {
    /** Stake of a payee: it weighs in draws of verifiers, and penalties take of it. */
    stakeOf(payee: BytesLike): Promise<bigint> {
      const args = [toAddress(payee, 'payee')] as const;
      return read('stake', (client) => client.readContract({ ...staking, functionName: 'stakeOf', args }));
    },
    /** The stake of many payees, at one block. */
    stakesOf: (payees: readonly BytesLike[]): Promise<bigint[]> =>
      readMany(payees, (client, payee, blockNumber) =>
        client.readContract({ ...staking, functionName: 'stakeOf', args: [payee], blockNumber }),
      ),
    /** The priority stake of many payees, at one block: it weighs in routing, and nothing takes of it. */
    prioritiesOf: (payees: readonly BytesLike[]): Promise<bigint[]> =>
      readMany(payees, async (client, payee, blockNumber) => {
        const found = await client.readContract({ ...staking, functionName: 'priorityOf', args: [payee], blockNumber });
        return found.amount;
      }),
    /** Stake and priority stake of a payee: with any of it, its keys are no newcomers. */
    async lockedOf(payee: BytesLike): Promise<bigint> {
      const args = [toAddress(payee, 'payee')] as const;
      return read('stake', async (client) => {
        const [staked, { amount }] = await Promise.all([
          client.readContract({ ...staking, functionName: 'stakeOf', args }),
          client.readContract({ ...staking, functionName: 'priorityOf', args }),
        ]);
        return staked + amount;
      });
    },
    bondOf(validator: BytesLike) {
      const args = [toAddress(validator, 'validator')] as const;
      return read('bond', (client) => client.readContract({ ...staking, functionName: 'bondOf', args }));
    },
    /** Stake behind a payee's verifiers, with the part on its way out, and its refuted reports of the last day with any. */
    async liabilityOf(payee: BytesLike): Promise<{ readonly stakedAtomic: bigint; readonly refuted: bigint }> {
      const args = [toAddress(payee, 'payee')] as const;
      return read('liability', async (client) => {
        const [{ amount, leaving }, { refuted }] = await Promise.all([
          client.readContract({ ...staking, functionName: 'stakingOf', args }),
          client.readContract({ ...staking, functionName: 'offenceOf', args }),
        ]);
        return { stakedAtomic: amount + leaving, refuted };
      });
    },
    /** Stake of an account, and the part of it on its way out. */
    stakingOf(account: BytesLike): Promise<Staked> {
      const args = [toAddress(account, 'account')] as const;
      return read('stake', (client) => client.readContract({ ...staking, functionName: 'stakingOf', args }));
    },
    /** The same of its priority stake. */
    priorityOf(account: BytesLike): Promise<Staked> {
      const args = [toAddress(account, 'account')] as const;
      return read('priority stake', (client) => client.readContract({ ...staking, functionName: 'priorityOf', args }));
    },
  };
}
