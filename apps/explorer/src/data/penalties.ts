import type { Deployment } from '@ogong/chain/deployment';
import { casesAbi, settlementAbi, stakingAbi } from '@ogong/chain/generated/abi';
import { type Hex, lowerHex } from '@ogong/chain/hex';
import type { Abi } from 'viem';
import type { LedgerReading } from './ledger.ts';
import type { ChainReader } from './rpc.ts';

/** An amount that the contracts took or gave back. */
export interface Penalty {
  readonly kind: keyof typeof PENALTIES;
  /** A provider's key, or an account. */
  readonly who: Hex;
  /** Undefined where no amount is named. */
  readonly atomic: bigint | undefined;
  readonly blockNumber: bigint;
  readonly transactionHash: Hex;
}

/** Description of each event. */
export const PENALTIES = {
  Ejected: 'a provider was ejected by its replies',
  Reinstated: 'an ejection was taken back',
  Penalized: 'stake was marked for refuted reports or silence',
  Pardoned: 'such a mark was taken back',
  BondTaken: 'a part of a bond was taken',
  StakeTaken: 'a part of a stake was taken',
  Restored: 'the taken amount was given back',
  CaseOpened: 'a quorum convicted somebody by evidence',
  CaseLifted: 'a conviction was lifted on appeal',
} as const;

const BLOCKS_PER_READ = 1_000n;

/** Reads penalties of the ledger's blocks, newest first. @throws if the chain cannot be read. */
export function readPenalties(
  reader: ChainReader,
  deployment: Deployment,
  { fromBlock, block }: Pick<LedgerReading, 'fromBlock' | 'block'>,
): Promise<Penalty[]> {
  const contracts: readonly { readonly address: Hex; readonly abi: Abi }[] = [
    { address: deployment.settlement, abi: settlementAbi },
    { address: deployment.staking, abi: stakingAbi },
    { address: deployment.cases, abi: casesAbi },
  ];
  return reader.read('penalties', async (client) => {
    const found: Penalty[] = [];
    for (let at = fromBlock; at <= block; at += BLOCKS_PER_READ) {
      const end = at + BLOCKS_PER_READ - 1n;
      const toBlock = end < block ? end : block;
      for (const contract of contracts) {
        const events = await client.getContractEvents({ ...contract, strict: true, fromBlock: at, toBlock });
        for (const { eventName, args, blockNumber, transactionHash } of events) {
          if (eventName === undefined || !(eventName in PENALTIES)) continue;
          const of = lowerHex(args) as Readonly<Record<string, unknown>>;
          found.push({
            kind: eventName as Penalty['kind'],
            who: (of.providerId ?? of.payee ?? of.validator ?? of.accused ?? of.account) as Hex,
            atomic: of.amount as bigint | undefined,
            ...{ blockNumber, transactionHash },
          });
        }
      }
    }
    return found.sort((a, b) => Number(b.blockNumber - a.blockNumber));
  });
}
