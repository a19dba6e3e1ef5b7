import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import {
  earningsAbi,
  escrowAbi,
  modelRegistryAbi,
  ogongTokenAbi,
  parametersAbi,
  settlementAbi,
  stakingAbi,
  validatorRegistryAbi,
} from '@ogong/chain/generated/abi';
import { type Hex, lowerHex } from '@ogong/chain/hex';
import { cosignersOf, createCosignerReads } from '@ogong/chain/validators/cosigners';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { ChainReader } from './rpc.ts';

/** The network as its contracts have it, at one block or a little after. Amounts are atomic units. */
export interface LedgerReading {
  readonly block: bigint;
  readonly timeMs: number;
  readonly validators: readonly QuorumMember[];
  readonly anchors: ReadonlyMap<string, LogAnchor>;
  readonly supplyAtomic: bigint;
  readonly escrowAtomic: bigint;
  readonly stakedAtomic: bigint;
  readonly earningsAtomic: bigint;
  /** In the pots of co-signers. */
  readonly potsAtomic: bigint;
  /** Of a fee, parts per million; the provider's is the rest. */
  readonly shares: Readonly<Record<string, number>>;
  readonly alphaPpm: number;
  /** Newest first. */
  readonly batches: readonly SettledBatchEvent[];
  readonly payments: readonly PaidEvent[];
  readonly ejections: readonly EjectedEvent[];
  /** Earlier events were not read. */
  readonly fromBlock: bigint;
}

export interface LogAnchor {
  readonly sequence: bigint;
  readonly logLength: bigint;
  readonly logHead: Hex;
}

interface ChainEventPlace {
  readonly blockNumber: bigint;
  readonly transactionHash: Hex;
}

export interface SettledBatchEvent extends ChainEventPlace {
  readonly validator: Hex;
  readonly sequence: bigint;
  readonly logLength: bigint;
  readonly replies: number;
  readonly gross: bigint;
}

export interface PaidEvent extends ChainEventPlace {
  readonly providerId: Hex;
  readonly payee: Hex;
  readonly validator: Hex;
  readonly sequence: bigint;
  readonly gross: bigint;
}

export interface EjectedEvent extends ChainEventPlace {
  readonly providerId: Hex;
  readonly validator: Hex;
}

const BLOCKS_PER_READ = 1_000n;
/** Of the newest blocks; a page is no archive. */
const MAX_READS = 20n;

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/** @returns undefined if the gateway does not tell the contracts. @throws ChainError */
export const readContracts = (contracts: unknown): Deployment | undefined =>
  contracts === undefined || contracts === null ? undefined : parseDeployment(contracts);

/** @throws if the chain cannot be read. */
export function readLedger(reader: ChainReader, deployment: Deployment): Promise<LedgerReading> {
  return reader.read('the ledger', async (client) => {
    const token = { address: deployment.token, abi: ogongTokenAbi } as const;
    const settlement = { address: deployment.settlement, abi: settlementAbi } as const;
    const parameters = { address: deployment.parameters, abi: parametersAbi } as const;
    const balanceOf = (owner: Hex) => client.readContract({ ...token, functionName: 'balanceOf', args: [owner] });
    const [
      { number, timestamp },
      listed,
      supplyAtomic,
      escrowAtomic,
      stakedAtomic,
      earningsAtomic,
      potsAtomic,
      distribution,
      limits,
    ] = await Promise.all([
      client.getBlock(),
      client.readContract({ address: deployment.registry, abi: validatorRegistryAbi, functionName: 'validators' }),
      client.readContract({ ...token, functionName: 'totalSupply' }),
      balanceOf(deployment.escrow),
      balanceOf(deployment.staking),
      balanceOf(deployment.earnings),
      client.readContract({
        ...{ address: deployment.escrow, abi: escrowAbi, functionName: 'creditOf', args: [cosignersOf(deployment)] },
      }),
      client.readContract({ ...parameters, functionName: 'distribution' }),
      client.readContract({ ...parameters, functionName: 'limits' }),
    ]);
    const first = BigInt(deployment.block);
    const reached = number + 1n - MAX_READS * BLOCKS_PER_READ;
    const fromBlock = reached > first ? reached : first;
    const [anchors, settled, paid, ejected] = await Promise.all([
      Promise.all(
        listed.map(({ account }) => client.readContract({ ...settlement, functionName: 'anchorOf', args: [account] })),
      ),
      readEvents('Settled'),
      readEvents('Paid'),
      readEvents('Ejected'),
    ]);

    async function readEvents<Name extends 'Settled' | 'Paid' | 'Ejected'>(eventName: Name) {
      const ranges: { fromBlock: bigint; toBlock: bigint }[] = [];
      for (let at = fromBlock; at <= number; at += BLOCKS_PER_READ) {
        ranges.push({
          fromBlock: at,
          toBlock: at + BLOCKS_PER_READ - 1n < number ? at + BLOCKS_PER_READ - 1n : number,
        });
      }
      const found = await Promise.all(
        ranges.map((range) => client.getContractEvents({ ...settlement, eventName, strict: true, ...range })),
      );
      return found
        .flat()
        .map(({ args, blockNumber, transactionHash }) => ({ ...lowerHex(args), blockNumber, transactionHash }))
        .reverse();
    }

    return {
      block: number,
      timeMs: Number(timestamp) * 1_000,
      validators: listed.map(({ account, signer, stake, endpoint, certHash, vrfKey }) => ({
        address: bytes(account.toLowerCase()),
        signingKey: bytes(signer.toLowerCase()),
        stake,
        endpoint,
        certHash: bytes(certHash),
        vrfKey: bytes(vrfKey),
      })),
      anchors: new Map(listed.map(({ account }, i) => [account.toLowerCase(), lowerHex(anchors[i] as LogAnchor)])),
      ...{ supplyAtomic, escrowAtomic, stakedAtomic, earningsAtomic, potsAtomic },
      shares: toParts(distribution.shares),
      alphaPpm: limits.alpha,
      batches: settled as unknown as SettledBatchEvent[],
      payments: paid as unknown as PaidEvent[],
      ejections: ejected as unknown as EjectedEvent[],
      fromBlock,
    };
  });
}

/** The contract counts in basis points, and names all shares but the provider's. */
function toParts(shares: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const parts = Object.entries(shares).map(([name, points]) => [name, points * 100] as const);
  const others = parts.reduce((sum, [, ppm]) => sum + ppm, 0);
  return { provider: 1_000_000 - others, ...Object.fromEntries(parts) };
}

/** Earnings of one key for one payee, after shares. */
export interface KeyEarnings {
  /** Not the payee's yet: an ejection takes it. */
  readonly held: bigint;
  readonly withdrawable: bigint;
  readonly paid: bigint;
}

/** @throws if the chain cannot be read. */
export function readEarnings(
  reader: ChainReader,
  deployment: Deployment,
  { providerId, payee }: { readonly providerId: Hex; readonly payee: Hex },
): Promise<KeyEarnings> {
  return reader.read('earnings', async (client) => {
    const { held, withdrawable, paid } = await client.readContract({
      ...{ address: deployment.earnings, abi: earningsAbi, functionName: 'balanceOf', args: [providerId, payee] },
    });
    return { held, withdrawable, paid };
  });
}

/**
 * Returns the receiver of the maker's share of a model; undefined if nobody has published its weights.
 * @throws if the chain cannot be read.
 */
export function readMaker(reader: ChainReader, deployment: Deployment, modelRoot: Hex): Promise<Hex | undefined> {
  return reader.read('the maker of a model', async (client) => {
    const models = { address: deployment.models, abi: modelRegistryAbi } as const;
    const maker = await client.readContract({ ...models, functionName: 'makerOf', args: [modelRoot] });
    return BigInt(maker) === 0n ? undefined : (maker.toLowerCase() as Hex);
  });
}

/** One validator's part of the pots for signers of batches. */
export interface PotsOfOne {
  /** Of days that are over. */
  readonly claimable: bigint;
  /** Of the present day, as its pots are now. */
  readonly running: bigint;
}

/** Uses the blocks with events that a page reads. @throws if the chain cannot be read. */
export async function readPots(
  reader: ChainReader,
  deployment: Deployment,
  { account, fromBlock }: { readonly account: Hex; readonly fromBlock: bigint },
): Promise<PotsOfOne> {
  const reads = createCosignerReads(reader, { ...deployment, block: Number(fromBlock) });
  const parts = await reads.cosignedParts(account);
  const sum = (isOver: boolean): bigint =>
    parts.filter((part) => part.isOver === isOver).reduce((total, { amount }) => total + amount, 0n);
  return { claimable: sum(true), running: sum(false) };
}

export interface AccountHoldings {
  readonly tokensAtomic: bigint;
  readonly stakeAtomic: bigint;
  readonly priorityAtomic: bigint;
  readonly freeEscrowAtomic: bigint;
  readonly creditAtomic: bigint;
}

/** Reads the holdings of one address. @throws if the chain cannot be read. */
export function readAccount(reader: ChainReader, deployment: Deployment, account: Hex): Promise<AccountHoldings> {
  return reader.read('an account', async (client) => {
    const args = [account] as const;
    const escrow = { address: deployment.escrow, abi: escrowAbi } as const;
    const [tokensAtomic, stakeAtomic, priority, freeEscrowAtomic, creditAtomic] = await Promise.all([
      client.readContract({ address: deployment.token, abi: ogongTokenAbi, functionName: 'balanceOf', args }),
      client.readContract({ address: deployment.staking, abi: stakingAbi, functionName: 'stakeOf', args }),
      client.readContract({ address: deployment.staking, abi: stakingAbi, functionName: 'priorityOf', args }),
      client.readContract({ ...escrow, functionName: 'freeOf', args }),
      client.readContract({ ...escrow, functionName: 'creditOf', args }),
    ]);
    return { tokensAtomic, stakeAtomic, priorityAtomic: priority.amount, freeEscrowAtomic, creditAtomic };
  });
}
