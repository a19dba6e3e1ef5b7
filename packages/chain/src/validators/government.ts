import { decodeFunctionData, encodeFunctionData, keccak256, type TransactionReceipt, toBytes } from 'viem';
import type { AskedWork, Distribution, Limits, Tests } from '../deploy/deploy.ts';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { governmentAbi, ogongTokenAbi, parametersAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress } from '../hex.ts';
import { ledgerAbi, type Transactor } from '../transactor.ts';

/** Many public endpoints refuse longer ranges. */
const BLOCKS_PER_READ = 1_000n;
const MAX_CALLS = 16;

/** In the order in which the contract numbers them. */
const proposalStates = [
  ...['pending', 'active', 'canceled', 'defeated', 'succeeded', 'queued', 'expired', 'executed'],
] as const;

/** In the order in which the contract numbers them. */
export const voteChoices = ['against', 'for', 'abstain'] as const;
export type VoteChoice = (typeof voteChoices)[number];

export interface ProposedCall {
  readonly target: Address;
  readonly data: Hex;
}

/** Times are seconds since 1970, votes atomic units. */
export interface Proposal {
  readonly id: bigint;
  readonly proposer: Address;
  readonly calls: readonly ProposedCall[];
  readonly description: string;
  /** Tokens count that were delegated by then. */
  readonly votesFrom: bigint;
  readonly votesUntil: bigint;
  readonly state: string;
  readonly votes: Readonly<Record<VoteChoice, bigint>>;
  /** Of votes for it and abstaining. Undefined until votes are counted. */
  readonly quorum: bigint | undefined;
  /** From when on anybody may carry it out; 0 until it is queued. */
  readonly executableFrom: bigint;
}

type Where = Pick<Deployment, 'government' | 'token' | 'parameters' | 'block'>;

function requireGovernment({ government }: Pick<Deployment, 'government'>): Address {
  if (government === undefined)
    throw new ChainError('bad-input', 'nobody votes in this network: its parameters have an owner');
  return government;
}

/** Describes a call, with the names of the ledger's contracts; undefined if none of them has such a function. */
export function describeCall({ data }: ProposedCall): string | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: ledgerAbi, data });
    const text = JSON.stringify(lowerHex(args ?? []), (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    return `${functionName}(${text.slice(1, -1)})`;
  } catch {
    return undefined;
  }
}

export function createGovernmentReads({ read }: Pick<Transactor, 'read'>, deployment: Where) {
  const contract = () => ({ address: requireGovernment(deployment), abi: governmentAbi }) as const;
  return {
    /** Votes of an account now: those that were delegated to it. */
    votingPowerOf(account: BytesLike): Promise<bigint> {
      const args = [toAddress(account, 'account')] as const;
      const token = { address: deployment.token, abi: ogongTokenAbi, functionName: 'getVotes', args } as const;
      return read('votes', (client) => client.readContract(token));
    },
    /** Every proposal so far, the oldest first. */
    proposals(): Promise<readonly Proposal[]> {
      const government = contract();
      return read('proposals', async (client) => {
        const last = await client.getBlockNumber({ cacheTime: 0 });
        const { timestamp } = await client.getBlock({ blockNumber: last });
        const found: Proposal[] = [];
        for (let first = BigInt(deployment.block); first <= last; first += BLOCKS_PER_READ) {
          const toBlock = first + BLOCKS_PER_READ - 1n < last ? first + BLOCKS_PER_READ - 1n : last;
          const range = { fromBlock: first, toBlock, strict: true } as const;
          const events = await client.getContractEvents({ ...government, eventName: 'ProposalCreated', ...range });
          for (const { args } of events) {
            const { proposalId: id, proposer, targets, calldatas, description, voteStart, voteEnd } = args;
            const one = [id] as const;
            const [state, [against, inFavour, abstain], executableFrom, quorum] = await Promise.all([
              client.readContract({ ...government, functionName: 'state', args: one }),
              client.readContract({ ...government, functionName: 'proposalVotes', args: one }),
              client.readContract({ ...government, functionName: 'proposalEta', args: one }),
              voteStart < timestamp
                ? client.readContract({ ...government, functionName: 'quorum', args: [voteStart] })
                : undefined,
            ]);
            const calls = targets.slice(0, MAX_CALLS).map((target, i) => ({ target, data: calldatas[i] ?? '0x' }));
            found.push({
              ...{ id, ...lowerHex({ proposer, calls }), description, votesFrom: voteStart, votesUntil: voteEnd },
              ...{ state: proposalStates[state] ?? 'unknown', votes: { against, for: inFavour, abstain } },
              ...{ quorum, executableFrom },
            });
          }
        }
        return found;
      });
    },
  };
}

export function createGovernmentWrites({ send }: Pick<Transactor, 'send'>, deployment: Where) {
  const call = (what: string, data: Hex): Promise<TransactionReceipt> =>
    send(what, requireGovernment(deployment), data);
  const carry = (
    functionName: 'queue' | 'execute',
    { calls, description }: Pick<Proposal, 'calls' | 'description'>,
  ) => {
    const args = [...splitCalls(calls), keccak256(toBytes(description))] as const;
    return call(`${functionName} the proposal`, encodeFunctionData({ abi: governmentAbi, functionName, args }));
  };
  return {
    /** Gives the votes of the account's tokens to one account, itself included. Without it they count for nobody. */
    delegateVotes: (to: BytesLike) =>
      send(
        'delegate votes',
        deployment.token,
        encodeFunctionData({ abi: ogongTokenAbi, functionName: 'delegate', args: [toAddress(to, 'to')] }),
      ),
    propose: (calls: readonly ProposedCall[], description: string) =>
      call(
        'propose',
        encodeFunctionData({ abi: governmentAbi, functionName: 'propose', args: [...splitCalls(calls), description] }),
      ),
    castVote: (id: bigint, choice: VoteChoice) =>
      call(
        'cast the vote',
        encodeFunctionData({ abi: governmentAbi, functionName: 'castVote', args: [id, voteChoices.indexOf(choice)] }),
      ),
    /** Starts the wait of a proposal that passed; anyone may. */
    queueProposal: (proposal: Pick<Proposal, 'calls' | 'description'>) => carry('queue', proposal),
    /** Carries a proposal out once its wait is over; anyone may. */
    executeProposal: (proposal: Pick<Proposal, 'calls' | 'description'>) => carry('execute', proposal),
  };
}

function splitCalls(calls: readonly ProposedCall[]): [Address[], bigint[], Hex[]] {
  if (calls.length === 0 || calls.length > MAX_CALLS) {
    throw new ChainError('bad-input', `a proposal has 1 to ${MAX_CALLS} calls`);
  }
  return [calls.map(({ target }) => target), calls.map(() => 0n), calls.map(({ data }) => data)];
}

/** Parameters that a proposal would set. Each part that is there is set as a whole. */
export interface ParameterChange {
  readonly distribution?: Distribution;
  readonly limits?: Limits;
  readonly driftTable?: { readonly hash: Hex; readonly version: bigint };
  readonly tests?: Tests;
  readonly work?: AskedWork;
  readonly guardian?: Address;
}

/** The calls that set it, in that order. */
export function encodeParameterChange(
  { parameters: target }: Pick<Deployment, 'parameters'>,
  { distribution, limits, driftTable, tests, work, guardian }: ParameterChange,
): readonly ProposedCall[] {
  const abi = parametersAbi;
  const calls: Hex[] = [];
  if (distribution !== undefined) {
    const args = [distribution.shares, distribution.recipients] as const;
    calls.push(encodeFunctionData({ abi, functionName: 'setDistribution', args }));
  }
  if (limits !== undefined) calls.push(encodeFunctionData({ abi, functionName: 'setLimits', args: [limits] }));
  if (driftTable !== undefined) {
    calls.push(encodeFunctionData({ abi, functionName: 'setDriftTable', args: [driftTable] }));
  }
  if (tests !== undefined) calls.push(encodeFunctionData({ abi, functionName: 'setTests', args: [tests] }));
  if (work !== undefined) calls.push(encodeFunctionData({ abi, functionName: 'setWork', args: [work] }));
  if (guardian !== undefined) calls.push(encodeFunctionData({ abi, functionName: 'setGuardian', args: [guardian] }));
  return calls.map((data) => ({ target, data }));
}
