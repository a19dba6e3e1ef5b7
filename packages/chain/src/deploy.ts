import { concatHex, encodeDeployData, getContractAddress, keccak256, type TransactionReceipt, zeroAddress } from 'viem';
import type { EpochTiming } from './beacon-keys.ts';
import { type BurnAndMintOptions, burnAndMintShares, deployBurnAndMint } from './deploy-burn-and-mint.ts';
import type { BurnAndMint, Deployment } from './deployment.ts';
import { ChainError } from './errors.ts';
import {
  beaconKeysAbi,
  beaconKeysBytecode,
  casesAbi,
  casesBytecode,
  mintBurnBytecode,
  modelRegistryAbi,
  modelRegistryBytecode,
  ogongTokenAbi,
  ogongTokenBytecode,
  parametersAbi,
  parametersBytecode,
  settlementAbi,
  settlementBytecode,
  stakingAbi,
  stakingBytecode,
} from './generated/abi.ts';
import { type Address, type BytesLike, type Hex, toAddress } from './hex.ts';
import { createTransactor } from './transactor.ts';

/** Tells contracts of this version from those of another. */
export const hashContracts = (): Hex =>
  keccak256(
    concatHex([
      ...[ogongTokenBytecode, parametersBytecode, stakingBytecode, settlementBytecode],
      ...[casesBytecode, modelRegistryBytecode, beaconKeysBytecode, mintBurnBytecode],
    ]),
  );

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** Parts of a fee in basis points; the provider takes what they leave. */
export interface Shares {
  readonly router: number;
  readonly validator: number;
  readonly verification: number;
  readonly treasury: number;
  readonly license: number;
  /** Nobody receives it. The provider's where the network has no emission. */
  readonly recycle: number;
}

export interface Limits {
  /** Parts per million of the replies that are audited. */
  readonly alpha: number;
  /** Seconds. */
  readonly withdrawalDelay: number;
  /** Seconds. */
  readonly unbondingDelay: number;
  readonly minimumValidatorBond: bigint;
  /** Stake of an account that stands as a router. */
  readonly minimumRouterBond: bigint;
}

/** Seconds, fixed for good when the contracts are deployed. */
export interface Delays {
  /** From a change of a bond until a quorum counts it. */
  readonly voting: number;
  /** From announcing shares and recipients until they are in force. */
  readonly notice: number;
  /** From an ejection until nobody can lift it any more. */
  readonly appeal: number;
  /** Floor of the withdrawal delay. */
  readonly leastWithdrawal: number;
  /** Floor of the unbonding delay. */
  readonly leastUnbonding: number;
}

/** How earnings of providers are held; fixed for good when the contracts are deployed. */
export interface Holding {
  /** Seconds. What is earned in one period is held for the two periods after it. 0: earnings are not held. */
  readonly period: number;
  /** The first units that each key earns for a payee go to the verification pool, up to this. */
  readonly entrance: bigint;
}

export interface Recipients {
  readonly verification: Address;
  readonly treasury: Address;
  readonly license: Address;
}

/** Who gets which part of a fee. */
export interface Distribution {
  readonly shares: Shares;
  readonly recipients: Recipients;
}

/**
 * The whitepaper's example: the provider keeps 95.98 %. A hundredth for verification pays for an audit of every reply only where one costs
 * about a hundredth of the reply (docs/economics.md).
 */
export const whitepaperShares: Shares = {
  ...{ router: 100, validator: 100, verification: 100, treasury: 100, license: 2, recycle: 0 },
};

/** What pays for its verification on ordinary hardware, and for an emission that nobody can farm: the provider keeps 92.48 %. */
export const fundedShares: Shares = {
  ...{ router: 100, validator: 100, verification: 400, treasury: 50, license: 2, recycle: 100 },
};

export const defaultLimits: Limits = {
  // The whitepaper designs for coverage close to one; a network that grows lowers it.
  alpha: 1_000_000,
  withdrawalDelay: DAY,
  unbondingDelay: 21 * DAY,
  minimumValidatorBond: 10_000n * 10n ** 18n,
  minimumRouterBond: 1_000n * 10n ** 18n,
};

/** For a network with money in it. */
export const defaultDelays: Delays = {
  voting: HOUR,
  // No withdrawal delay may be longer: whoever dislikes what was announced has its money out before it is in force.
  notice: 7 * DAY,
  appeal: 3 * DAY,
  // Longer than an audit and its settlement may take (computeLongestAudit in the protocol).
  leastWithdrawal: 16 * HOUR,
  leastUnbonding: 7 * DAY,
};

/** For a network with money in it. A period is longer than auditing, settling and ejecting take. */
export const defaultHolding: Holding = { period: DAY, entrance: 10n ** 16n };

/**
 * Earnings can be withdrawn at once.
 * @internal for tests
 */
export const noHolding: Holding = { period: 0, entrance: 0n };

/** How much the emission gives, and when. Fixed for good when the contracts are deployed. */
export interface Issuance {
  /** Seconds since 1970, at a full hour. */
  readonly start: bigint;
  /** Seconds of one period of tallies, whole hours. 0: the network has no emission. */
  readonly period: number;
  /** Of what is recycled, so many millionths may be given: at most 900,000. */
  readonly lambda: number;
}

const noIssuance: Issuance = { start: 0n, period: 0, lambda: 0 };

/** Who owns what the genesis gives to people. */
export interface GenesisOwners {
  readonly team: BytesLike;
  readonly foundation: BytesLike;
  readonly launch: BytesLike;
  readonly listing: BytesLike;
}

/** For a chain on one machine: every change counts at once. */
export const noDelays: Delays = { voting: 0, notice: 0, appeal: 0, leastWithdrawal: 0, leastUnbonding: 0 };

/** A thousand OGONG for a maker's name: squatting many names costs more than they are worth. */
export const defaultMakerFee = 1_000n * 10n ** 18n;

/** What cases pay, and what appeals put down. Fixed for good when the contracts are deployed. */
export interface Justice {
  /** Of what a case takes, the reporter's share in parts per million: between a tenth and a half. */
  readonly reporterPpm: number;
  /** Of an appeal against an ejection or a penalty, atomic units. It comes back where the appeal is right. */
  readonly deposit: bigint;
}

/** With a quarter, to buy the silence of five witnesses costs more than the case, and whoever reports itself loses three quarters. */
export const defaultJustice: Justice = { reporterPpm: 250_000, deposit: 100n * 10n ** 18n };

export interface DeployOptions {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Pays for the deployment. */
  readonly privateKey: Hex;
  /** Governs parameters. Default: the deployer. */
  readonly owner?: BytesLike;
  readonly recipients: { readonly verification: BytesLike; readonly treasury: BytesLike; readonly license: BytesLike };
  readonly shares?: Partial<Shares>;
  readonly limits?: Partial<Limits>;
  readonly delays?: Delays;
  /** What a maker's name costs, atomic units. Default: defaultMakerFee. */
  readonly makerFee?: bigint;
  /** Default: defaultJustice. */
  readonly justice?: Justice;
  readonly holding?: Holding;
  /** Default: no emission. */
  readonly issuance?: Issuance;
  /** Default: all of it is the owner's, half a billion tokens and more of it vesting. */
  readonly genesis?: GenesisOwners;
  /** Where the treasury's share goes after its term. Default: its recipient. */
  readonly vault?: BytesLike;
  /** When epochs begin. Default: no threshold beacon. */
  readonly beacon?: EpochTiming;
  /** The network pays in dollar credits, for which tokens are burned, and mints for work. Default: it pays in OGONG. */
  readonly burnAndMint?: BurnAndMintOptions;
}

/** Deploys the whole ledger: six transactions, one more for the threshold beacon, and up to five more where it burns and mints. */
export async function deployContracts(options: DeployOptions): Promise<Deployment> {
  const transactor = createTransactor(options);
  const owner = options.owner === undefined ? (transactor.address as Address) : toAddress(options.owner, 'owner');
  const recipients: Recipients = {
    verification: toAddress(options.recipients.verification, 'recipients.verification'),
    treasury: toAddress(options.recipients.treasury, 'recipients.treasury'),
    license: toAddress(options.recipients.license, 'recipients.license'),
  };
  let block: bigint | undefined;
  const create = async (what: string, data: Hex): Promise<{ address: Address; receipt: TransactionReceipt }> => {
    const receipt = await transactor.send(`deploy ${what}`, undefined, data);
    block ??= receipt.blockNumber;
    if (!receipt.contractAddress) throw new ChainError('reverted', `deploy ${what}: no contract was created`);
    return { address: receipt.contractAddress.toLowerCase() as Address, receipt };
  };
  const { address: deployer = zeroAddress } = transactor;
  const nonce = await transactor.read('the nonce of the deployer', (client) =>
    client.getTransactionCount({ address: deployer, blockTag: 'latest' }),
  );
  const addressAfter = (from: Address, count: number): Address =>
    getContractAddress({ from, nonce: BigInt(count) }).toLowerCase() as Address;
  const issuance = options.issuance ?? noIssuance;
  if (issuance.period !== 0 && options.burnAndMint !== undefined) {
    throw new ChainError('bad-input', 'a network that burns and mints has no emission');
  }
  // Contracts that know each other: the settlement comes three transactions after the token. It creates escrow, earnings and emission.
  const economy = await createEconomy(options, {
    create,
    owner,
    issuance,
    addressAt: (n) => addressAfter(deployer, nonce + n),
  });
  const { token } = economy;
  const shares =
    economy.burnAndMint !== undefined ? burnAndMintShares : issuance.period === 0 ? whitepaperShares : fundedShares;
  const parameters = await create(
    'parameters',
    encodeDeployData({
      abi: parametersAbi,
      bytecode: parametersBytecode,
      args: [
        owner,
        options.delays ?? defaultDelays,
        options.holding ?? defaultHolding,
        { ...shares, ...options.shares },
        recipients,
        { ...defaultLimits, ...options.limits },
        options.vault === undefined ? recipients.treasury : toAddress(options.vault, 'vault'),
      ],
    }),
  );
  // Settlement and cases refuse a staking contract that names others.
  const staking = await create(
    'staking',
    encodeDeployData({
      abi: stakingAbi,
      bytecode: stakingBytecode,
      args: [token, parameters.address, economy.settlementAddress, economy.casesAddress],
    }),
  );
  const settlement = await create(
    'settlement',
    encodeDeployData({
      abi: settlementAbi,
      bytecode: settlementBytecode,
      args: [economy.payment ?? token, parameters.address, staking.address, issuance],
    }),
  );
  const justice = options.justice ?? defaultJustice;
  const cases = await create(
    'cases',
    encodeDeployData({
      abi: casesAbi,
      bytecode: casesBytecode,
      args: [staking.address, settlement.address, BigInt(justice.reporterPpm), justice.deposit],
    }),
  );
  const models = await create(
    'model registry',
    encodeDeployData({
      abi: modelRegistryAbi,
      bytecode: modelRegistryBytecode,
      args: [token, parameters.address, options.makerFee ?? defaultMakerFee],
    }),
  );
  const { beacon } = options;
  const beaconKeys =
    beacon &&
    (await create(
      'beacon keys',
      encodeDeployData({
        abi: beaconKeysAbi,
        bytecode: beaconKeysBytecode,
        args: [staking.address, settlement.address, beacon.origin, beacon.period],
      }),
    ));
  const [registry, escrow, earnings, emission, hearings, equivocation] = await transactor.read(
    'find the created contracts',
    (client) =>
      Promise.all([
        client.readContract({ address: staking.address, abi: stakingAbi, functionName: 'registry' }),
        client.readContract({ address: settlement.address, abi: settlementAbi, functionName: 'escrow' }),
        client.readContract({ address: settlement.address, abi: settlementAbi, functionName: 'earnings' }),
        client.readContract({ address: settlement.address, abi: settlementAbi, functionName: 'emission' }),
        client.readContract({ address: cases.address, abi: casesAbi, functionName: 'hearings' }),
        client.readContract({ address: cases.address, abi: casesAbi, functionName: 'equivocation' }),
      ]),
  );
  return {
    chainId: options.chainId,
    rpcUrl: options.rpcUrl,
    token,
    parameters: parameters.address,
    staking: staking.address,
    registry: registry.toLowerCase() as Address,
    escrow: escrow.toLowerCase() as Address,
    settlement: settlement.address,
    models: models.address,
    earnings: earnings.toLowerCase() as Address,
    cases: cases.address,
    hearings: hearings.toLowerCase() as Address,
    equivocation: equivocation.toLowerCase() as Address,
    ...(issuance.period === 0 ? {} : { emission: emission.toLowerCase() as Address }),
    ...(beaconKeys === undefined ? {} : { beaconKeys: beaconKeys.address }),
    ...(economy.burnAndMint && { burnAndMint: economy.burnAndMint }),
    block: Number(block),
  };
}

/** @param emission holds what is earned by work; where a network has none, its owner holds it. */
function createGenesis({ genesis }: Pick<DeployOptions, 'genesis'>, owner: Address, emission: Address) {
  const of = (name: keyof GenesisOwners): Address => (genesis ? toAddress(genesis[name], `genesis.${name}`) : owner);
  return { team: of('team'), foundation: of('foundation'), launch: of('launch'), listing: of('listing'), emission };
}

interface Economy {
  /** Staked and bonded. */
  readonly token: Address;
  /** What payers pay in, where that is not the token. */
  readonly payment?: Address;
  readonly settlementAddress: Address;
  /** They come right after the settlement. */
  readonly casesAddress: Address;
  readonly burnAndMint?: BurnAndMint;
}

/** Creates the token, and what burns and mints it where the network does. Parameters, staking and settlement come next. */
async function createEconomy(
  options: DeployOptions,
  {
    create,
    owner,
    issuance,
    addressAt,
  }: {
    readonly create: (what: string, data: Hex) => Promise<{ readonly address: Address }>;
    readonly owner: Address;
    readonly issuance: Issuance;
    /** Of the contract that is created as the n-th from now. */
    readonly addressAt: (n: number) => Address;
  },
): Promise<Economy> {
  if (options.burnAndMint === undefined) {
    const settlementAddress = addressAt(3);
    const emission = getContractAddress({ from: settlementAddress, nonce: 3n }).toLowerCase() as Address;
    const args = [createGenesis(options, owner, issuance.period === 0 ? owner : emission)] as const;
    const { address } = await create(
      'token',
      encodeDeployData({ abi: ogongTokenAbi, bytecode: ogongTokenBytecode, args }),
    );
    return { token: address, settlementAddress, casesAddress: addressAt(4) };
  }
  // Parameters and staking come before the settlement.
  const created = await deployBurnAndMint(options.burnAndMint, { create, owner, addressAt, after: 2 });
  return { ...created, payment: created.burnAndMint.credits };
}
