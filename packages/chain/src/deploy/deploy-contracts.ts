import { concatHex, keccak256, type PublicClient, type Transaction } from 'viem';
import { type Deployment, parseTierStakes } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { casesAbi, ogongTokenAbi, settlementAbi, stakingAbi } from '../generated/abi.ts';
import { type Address, type Hex, toAddress } from '../hex.ts';
import { loadBytecode } from '../load-bytecode.ts';
import { createLaunchReads } from '../money/launch-curve.ts';
import { createTransactor, type Transactor } from '../transactor.ts';
import { type CreatedContracts, computeCreated, createContracts } from './create-contracts.ts';
import type { DeployOptions } from './deploy.ts';

/** Returns the hash of all bytecode that a deployment sends. It identifies this version of the contracts. */
export async function hashContracts(): Promise<Hex> {
  const code = await loadBytecode();
  return keccak256(
    concatHex([
      ...[code.ogongTokenBytecode, code.parametersBytecode, code.stakingBytecode, code.settlementBytecode],
      ...[code.casesBytecode, code.modelRegistryBytecode, code.beaconKeysBytecode, code.mintBurnBytecode],
      ...[code.governmentBytecode, code.machineRegistryBytecode, code.launchCurveBytecode, code.pinsBytecode],
    ]),
  );
}

/** One contract that is on the chain, and is what the plan says. */
export interface DeployedStep {
  readonly what: string;
  readonly address: Address;
  readonly transaction: Hex;
  readonly block: bigint;
  readonly gasUsed: bigint;
  /** It was there before. */
  readonly isOld: boolean;
}

/** How a deployment goes on where an earlier one stopped. */
export interface Resumption {
  /** Number of the deployer's transaction that created the first contract. Default: its next one. */
  readonly nonce?: number;
  /** First block that can hold one of them. */
  readonly fromBlock?: bigint;
  /** Called before anything is sent, with the state that is needed to go on after a crash. */
  readonly onStart?: (start: { readonly nonce: number; readonly fromBlock: bigint }) => void;
  readonly onStep?: (step: DeployedStep) => void;
}

/**
 * Deploys the whole ledger, or its missing contracts. Each contract that exists must come from exactly the transaction of this plan:
 * same account, same number, same bytecode, same arguments.
 * @throws ChainError 'bad-input' if one does not.
 */
export async function deployContracts(options: DeployOptions, resumption: Resumption = {}): Promise<Deployment> {
  const transactor = createTransactor(options);
  const deployer = transactor.address as Address;
  const [next, head] = await transactor.read('the state of the deployer', (client) =>
    Promise.all([
      client.getTransactionCount({ address: deployer, blockTag: 'latest' }),
      client.getBlockNumber({ cacheTime: 0 }),
    ]),
  );
  // Before anything is sent: the file that comes out of it has to be one that daemons read.
  if (options.tierStakes !== undefined) assertTierStakes(options, options.tierStakes);
  await assertRules(transactor);
  if (options.token !== undefined) await assertToken(transactor, toAddress(options.token, 'token'));
  if (options.launch !== undefined && 'earlier' in options.launch) await assertEarlierLaunch(transactor, options);
  const { nonce = next, fromBlock = head, onStart, onStep } = resumption;
  if (nonce > next) throw new ChainError('bad-input', `the deployer has sent ${next} transactions, not yet ${nonce}`);
  onStart?.({ nonce, fromBlock });
  let index = 0;
  let block: bigint | undefined;
  const contracts = await createContracts(options, {
    deployer,
    nonce,
    async create(what, data) {
      const number = nonce + index++;
      const address = computeCreated(deployer, number);
      const isOld = number < next;
      const receipt = isOld
        ? await findCreation(transactor, { what, data, number, fromBlock: block ?? fromBlock })
        : await transactor.send(`deploy ${what}`, undefined, data);
      if (receipt.contractAddress?.toLowerCase() !== address) {
        throw new ChainError(
          'bad-input',
          `${what} is at ${receipt.contractAddress ?? 'no address'}, not at ${address}: the deployer sent something else meanwhile`,
        );
      }
      block ??= receipt.blockNumber;
      const { transactionHash: transaction, gasUsed } = receipt;
      onStep?.({ what, address, transaction, block: receipt.blockNumber, gasUsed, isOld });
      return { address };
    },
  });
  return describeDeployment(transactor, options, { contracts, block: Number(block) });
}

/** The sum of two points at infinity of BLS12-381 (EIP-2537) is 128 zero bytes. Before Prague nothing is at that address, and nothing comes back. */
const SUM_OF_NOTHING = { to: '0x000000000000000000000000000000000000000b', data: `0x${'00'.repeat(256)}` } as const;
/** Creation code that stores 1 for the length of its transaction (EIP-1153), and returns what it finds there. */
const TRANSIENT = '0x60015f5d5f5c5f5260205ff3';

/**
 * Whether the chain has the rules that the contracts are compiled for. Elsewhere some could be created, and would fail when they are called.
 * @throws ChainError 'bad-input'
 */
export async function assertRules({ read }: Pick<Transactor, 'read'>): Promise<void> {
  const ask = async (call: { readonly to?: Address; readonly data: Hex }): Promise<bigint | undefined> => {
    try {
      const { data = '0x' } = await read('the rules of the chain', (client) => client.call(call));
      return data === '0x' ? undefined : BigInt(data);
    } catch (error) {
      // A chain that does not know an instruction says so in words of its own.
      if (error instanceof ChainError && error.code === 'reverted') return undefined;
      throw error;
    }
  };
  const [sum, stored] = await Promise.all([ask(SUM_OF_NOTHING), ask({ data: TRANSIENT })]);
  const missing = sum !== 0n ? 'BLS12-381 (EIP-2537)' : stored !== 1n ? 'transient storage (EIP-1153)' : undefined;
  if (missing === undefined) return;
  throw new ChainError('bad-input', `the chain has no ${missing}: the contracts need the rules of Prague or later`);
}

/** @throws ChainError 'bad-input' where nothing there counts tokens and votes */
async function assertToken({ read }: Pick<Transactor, 'read'>, address: Address): Promise<void> {
  const token = { address, abi: ogongTokenAbi } as const;
  try {
    await read('the token', (client) =>
      Promise.all([
        client.readContract({ ...token, functionName: 'totalSupply' }),
        client.readContract({ ...token, functionName: 'getVotes', args: [address] }),
      ]),
    );
  } catch (cause) {
    if (!(cause instanceof ChainError) || cause.code !== 'reverted') throw cause;
    throw new ChainError('bad-input', `${address} is no token of an earlier deployment`, { cause });
  }
}

/** @throws ChainError 'bad-input' where no curve is there that sells the token that is kept */
async function assertEarlierLaunch(
  { read }: Pick<Transactor, 'read'>,
  { token, launch }: Pick<DeployOptions, 'token' | 'launch'>,
): Promise<void> {
  if (token === undefined || launch === undefined || !('earlier' in launch)) return;
  const address = toAddress(launch.earlier, 'launch.earlier');
  const where = { token: toAddress(token, 'token'), launch: address };
  try {
    await createLaunchReads({ read }, where).launchState();
  } catch (cause) {
    if (!(cause instanceof ChainError) || cause.code !== 'reverted') throw cause;
    throw new ChainError(
      'bad-input',
      `${address} is no launch curve of an earlier deployment; name what its deployment.json has as \`launch\``,
      { cause },
    );
  }
}

interface Wanted {
  readonly what: string;
  readonly data: Hex;
  /** Of the deployer's transaction. */
  readonly number: number;
  readonly fromBlock: bigint;
}

/** The receipt of the deployer's transaction with that number. @throws ChainError where it is not the one that is wanted */
async function findCreation({ read, address }: Transactor, { what, data, number, fromBlock }: Wanted) {
  const deployer = address as Address;
  return read(`find ${what}`, async (client) => {
    const found = await findTransaction(client, deployer, { number, fromBlock });
    if (found === undefined) {
      throw new ChainError('bad-input', `${what}: no transaction ${number} of ${deployer} since block ${fromBlock}`);
    }
    const receipt = await client.getTransactionReceipt({ hash: found.hash });
    const code = receipt.contractAddress && (await client.getCode({ address: receipt.contractAddress }));
    if (found.to !== null || found.input !== data || receipt.status !== 'success' || !code || code === '0x') {
      throw new ChainError(
        'bad-input',
        `transaction ${found.hash} did not create ${what} as this plan would: the plan, the program or the account is another one`,
      );
    }
    return receipt;
  });
}

/** By halves: an account's count of transactions only grows. */
async function findTransaction(
  client: PublicClient,
  deployer: Address,
  { number, fromBlock }: Pick<Wanted, 'number' | 'fromBlock'>,
): Promise<Transaction | undefined> {
  let low = fromBlock;
  let high = await client.getBlockNumber({ cacheTime: 0 });
  while (low < high) {
    const middle = (low + high) / 2n;
    const count = await client.getTransactionCount({ address: deployer, blockNumber: middle });
    if (count > number) high = middle;
    else low = middle + 1n;
  }
  const { transactions } = await client.getBlock({ blockNumber: low, includeTransactions: true });
  return transactions.find(({ from, nonce }) => from.toLowerCase() === deployer && nonce === number);
}

/** @throws ChainError 'bad-input' */
function assertTierStakes({ holding }: Pick<DeployOptions, 'holding'>, tierStakes: object): void {
  const asked = Object.keys(parseTierStakes(tierStakes));
  if (asked.length > 0 && holding?.period === 0)
    throw new ChainError(
      'bad-input',
      `tier ${asked[0]} asks for earnings, and the network holds none: nobody could answer in it`,
    );
}

/** Asks the created contracts for those that they created. */
async function describeDeployment(
  { read }: Pick<Transactor, 'read'>,
  { chainId, rpcUrl, tierStakes }: Pick<DeployOptions, 'chainId' | 'rpcUrl' | 'tierStakes'>,
  { contracts, block }: { readonly contracts: CreatedContracts; readonly block: number },
): Promise<Deployment> {
  const { staking, settlement, cases, hasEmission, timelock, ...rest } = contracts;
  const [registry, escrow, earnings, emission, hearings, equivocation] = await read(
    'find the created contracts',
    (client) =>
      Promise.all([
        client.readContract({ address: staking, abi: stakingAbi, functionName: 'registry' }),
        client.readContract({ address: settlement, abi: settlementAbi, functionName: 'escrow' }),
        client.readContract({ address: settlement, abi: settlementAbi, functionName: 'earnings' }),
        client.readContract({ address: settlement, abi: settlementAbi, functionName: 'emission' }),
        client.readContract({ address: cases, abi: casesAbi, functionName: 'hearings' }),
        client.readContract({ address: cases, abi: casesAbi, functionName: 'equivocation' }),
      ]),
  );
  const lower = (address: string): Address => address.toLowerCase() as Address;
  return {
    ...{ chainId, rpcUrl, ...rest, staking, settlement, cases },
    ...{ registry: lower(registry), escrow: lower(escrow), earnings: lower(earnings) },
    ...{ hearings: lower(hearings), equivocation: lower(equivocation) },
    ...(hasEmission && { emission: lower(emission) }),
    ...(timelock && { timelock }),
    ...(tierStakes && { tierStakes }),
    block,
  };
}
