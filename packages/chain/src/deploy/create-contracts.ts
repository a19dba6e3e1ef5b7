import { encodeDeployData, getContractAddress } from 'viem';
import type { BurnAndMint } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import {
  beaconKeysAbi,
  casesAbi,
  governmentAbi,
  launchCurveAbi,
  machineRegistryAbi,
  modelRegistryAbi,
  ogongTokenAbi,
  parametersAbi,
  pinsAbi,
  settlementAbi,
  stakingAbi,
} from '../generated/abi.ts';
import { type Address, toAddress } from '../hex.ts';
import { loadBytecode } from '../load-bytecode.ts';
import {
  type DeployPlan,
  defaultDelays,
  defaultHolding,
  defaultJustice,
  defaultLimits,
  defaultMakerFee,
  defaultTests,
  type GenesisOwners,
  type LaunchOptions,
  type NetworkProfile,
  noIssuance,
  noWork,
  profiles,
  type Recipients,
} from './deploy.ts';
import { type Create, countBefore, deployBurnAndMint } from './deploy-burn-and-mint.ts';

/** Account that creates the contracts, and the number of its first transaction: the addresses follow from both. */
export interface Creator {
  readonly deployer: Address;
  readonly nonce: number;
  readonly create: Create;
}

/** Contracts that one transaction each creates. */
export interface CreatedContracts {
  readonly token: Address;
  readonly parameters: Address;
  readonly staking: Address;
  readonly settlement: Address;
  readonly cases: Address;
  readonly models: Address;
  readonly beaconKeys?: Address;
  readonly machines?: Address;
  readonly pins?: Address;
  /** Counts votes. */
  readonly government?: Address;
  /** Owns what votes decide about. */
  readonly timelock?: Address;
  readonly burnAndMint?: BurnAndMint;
  /** The network has an emission. */
  readonly hasEmission: boolean;
  readonly launch?: Address;
}

/** The address of what an account's transaction with that number creates. */
export const computeCreated = (from: Address, nonce: number): Address =>
  getContractAddress({ from, nonce: BigInt(nonce) }).toLowerCase() as Address;

/** Creates every contract of a network, in order. There are six, one more each for launch, beacon, machines, votes and pins, and up to five that burn and mint. */
export async function createContracts(
  plan: DeployPlan,
  { deployer, nonce, create }: Creator,
): Promise<CreatedContracts> {
  const bytecode = await loadBytecode();
  const owner = plan.owner === undefined ? deployer : toAddress(plan.owner, 'owner');
  const recipients: Recipients = {
    verification: toAddress(plan.recipients.verification, 'recipients.verification'),
    treasury: toAddress(plan.recipients.treasury, 'recipients.treasury'),
    license: toAddress(plan.recipients.license, 'recipients.license'),
  };
  const issuance = plan.issuance ?? noIssuance;
  if (issuance.period !== 0 && plan.burnAndMint !== undefined) {
    throw new ChainError('bad-input', 'a network that burns and mints has no emission');
  }
  if (plan.token !== undefined && (issuance.period !== 0 || plan.burnAndMint !== undefined)) {
    // An emission holds its part of a token from the token's beginning on, and what burns is named by its token for good.
    throw new ChainError('bad-input', 'a network that keeps a token has neither emission nor minting of its own');
  }
  const isEarlier = plan.launch !== undefined && 'earlier' in plan.launch;
  if (plan.launch !== undefined && (plan.burnAndMint !== undefined || isEarlier !== (plan.token !== undefined))) {
    throw new ChainError('bad-input', 'a new OGONG has a new launch, a token that is kept the one that it had');
  }
  const addressAt = (n: number): Address => computeCreated(deployer, nonce + n);
  // Votes need the token, and what they govern needs its owner: so the government's address is known before.
  const government = plan.voting && addressAt(countBeforePins(plan) - 1);
  const timelock = government && computeCreated(government, 1);
  const governor = timelock ?? owner;
  // Contracts that know each other: the settlement comes three transactions after the token, or after its launch. It creates escrow, earnings and emission.
  const economy = await createEconomy(plan, { create, owner, governor, hasEmission: issuance.period !== 0, addressAt });
  const { token } = economy;
  const profile = chooseProfile(plan);
  const parameters = await create(
    'parameters',
    encodeDeployData({
      abi: parametersAbi,
      bytecode: bytecode.parametersBytecode,
      args: [
        governor,
        plan.delays ?? defaultDelays,
        plan.holding ?? defaultHolding,
        { ...profile.shares, ...plan.shares },
        recipients,
        { ...defaultLimits, alpha: profile.alpha, ...plan.limits },
        plan.vault === undefined ? (timelock ?? recipients.treasury) : toAddress(plan.vault, 'vault'),
        { ...defaultTests, ...plan.tests },
        plan.work ?? noWork,
      ],
    }),
  );
  // The registry of models comes after the cases.
  const modelsAddress = economy.modelsAddress;
  // Settlement and cases refuse a staking contract that names others.
  const staking = await create(
    'staking',
    encodeDeployData({
      abi: stakingAbi,
      bytecode: bytecode.stakingBytecode,
      args: [token, parameters.address, economy.settlementAddress, economy.casesAddress],
    }),
  );
  const settlement = await create(
    'settlement',
    encodeDeployData({
      abi: settlementAbi,
      bytecode: bytecode.settlementBytecode,
      args: [economy.payment ?? token, parameters.address, staking.address, issuance, modelsAddress],
    }),
  );
  const justice = plan.justice ?? defaultJustice;
  const cases = await create(
    'cases',
    encodeDeployData({
      abi: casesAbi,
      bytecode: bytecode.casesBytecode,
      args: [staking.address, settlement.address, BigInt(justice.reporterPpm), justice.deposit],
    }),
  );
  const models = await create(
    'model registry',
    encodeDeployData({
      abi: modelRegistryAbi,
      bytecode: bytecode.modelRegistryBytecode,
      args: [token, parameters.address, plan.makerFee ?? defaultMakerFee],
    }),
  );
  if (models.address !== modelsAddress) {
    throw new ChainError('bad-input', `the model registry is at ${models.address}, not ${modelsAddress}`);
  }
  const { beacon, voting } = plan;
  const beaconKeys =
    beacon &&
    (await create(
      'beacon keys',
      encodeDeployData({
        abi: beaconKeysAbi,
        bytecode: bytecode.beaconKeysBytecode,
        args: [staking.address, settlement.address, beacon.origin, beacon.period],
      }),
    ));
  // The settlement's first creation is its escrow, whose address machines report.
  const machines =
    plan.machines &&
    (await create(
      'machine registry',
      encodeDeployData({
        abi: machineRegistryAbi,
        bytecode: bytecode.machineRegistryBytecode,
        args: [staking.address, computeCreated(settlement.address, 1)],
      }),
    ));
  if (voting !== undefined) {
    const { address } = await create(
      'government',
      encodeDeployData({ abi: governmentAbi, bytecode: bytecode.governmentBytecode, args: [token, voting] }),
    );
    if (address !== government) throw new ChainError('bad-input', `the government is at ${address}, not ${government}`);
  }
  const pins =
    plan.pins &&
    (await create(
      'pins',
      encodeDeployData({ abi: pinsAbi, bytecode: bytecode.pinsBytecode, args: [token, parameters.address] }),
    ));
  return {
    token,
    parameters: parameters.address,
    staking: staking.address,
    settlement: settlement.address,
    cases: cases.address,
    models: models.address,
    hasEmission: issuance.period !== 0,
    ...(beaconKeys && { beaconKeys: beaconKeys.address }),
    ...(machines && { machines: machines.address }),
    ...(pins && { pins: pins.address }),
    ...(government && timelock && { government, timelock }),
    ...(economy.burnAndMint && { burnAndMint: economy.burnAndMint }),
    ...(economy.launch && { launch: economy.launch }),
  };
}

/** @throws ChainError 'bad-input' where the plan names a profile that its economy cannot have. */
function chooseProfile({ profile, issuance = noIssuance, burnAndMint, shares }: DeployPlan): NetworkProfile {
  if (profile === undefined) {
    if (burnAndMint !== undefined) return profiles.burnAndMint;
    return issuance.period === 0 ? profiles.fees : profiles.emission;
  }
  if (burnAndMint !== undefined) throw new ChainError('bad-input', 'a network that burns and mints has its own shares');
  if (issuance.period !== 0 && (shares?.recycle ?? 0) === 0) {
    throw new ChainError(
      'bad-input',
      "the whitepaper's shares recycle nothing, so an emission would give nothing: name `recycle`",
    );
  }
  return profiles[profile];
}

/** One transaction each. The government is the last of them. */
function countBeforePins({ beacon, machines, voting, burnAndMint, token, launch }: DeployPlan): number {
  // The last one burns and mints.
  const economy = token !== undefined ? 0 : burnAndMint === undefined ? 1 : countBefore(burnAndMint) + 1;
  return economy + 5 + [findCurve(launch), beacon, machines, voting].filter(Boolean).length;
}

/** Undefined where the launch's tokens are somebody's. */
const findCurve = (launch: DeployPlan['launch']): LaunchOptions | undefined =>
  launch !== undefined && 'asset' in launch ? launch : undefined;

/**
 * @param emission holds what is earned by work; where a network has none, its owner holds it.
 * @param curve sells the launch's tokens, where there is one.
 */
function createGenesis(
  { genesis, launch }: Pick<DeployPlan, 'genesis' | 'launch'>,
  { owner, emission, curve }: { readonly owner: Address; readonly emission: Address; readonly curve: Address },
) {
  const of = (name: keyof GenesisOwners): Address => (genesis ? toAddress(genesis[name], `genesis.${name}`) : owner);
  const seller =
    launch === undefined || 'earlier' in launch
      ? owner
      : 'asset' in launch
        ? curve
        : toAddress(launch.owner, 'launch.owner');
  return { team: of('team'), foundation: of('foundation'), launch: seller, listing: of('listing'), emission };
}

interface Economy {
  /** Staked and bonded. */
  readonly token: Address;
  /** Token that payers pay in, if it is not the network's own. */
  readonly payment?: Address;
  readonly settlementAddress: Address;
  /** They come right after the settlement. */
  readonly casesAddress: Address;
  /** It comes right after the cases. */
  readonly modelsAddress: Address;
  readonly burnAndMint?: BurnAndMint;
  readonly launch?: Address;
}

/** Creates the token, its launch where it has one, and what burns and mints it where the network does. Parameters, staking and settlement come next. */
async function createEconomy(
  plan: DeployPlan,
  {
    create,
    owner,
    governor,
    hasEmission,
    addressAt,
  }: {
    readonly create: Create;
    readonly owner: Address;
    /** Names price feeds. */
    readonly governor: Address;
    readonly hasEmission: boolean;
    /** Of the contract that is created as the n-th from now. */
    readonly addressAt: (n: number) => Address;
  },
): Promise<Economy> {
  const addressesFrom = (n: number) => ({
    settlementAddress: addressAt(n),
    casesAddress: addressAt(n + 1),
    modelsAddress: addressAt(n + 2),
  });
  if (plan.token !== undefined) {
    const { launch } = plan;
    const earlier = launch && 'earlier' in launch && toAddress(launch.earlier, 'launch.earlier');
    return { token: toAddress(plan.token, 'token'), ...addressesFrom(2), ...(earlier && { launch: earlier }) };
  }
  if (plan.burnAndMint === undefined) {
    const launch = findCurve(plan.launch);
    const { ogongTokenBytecode, launchCurveBytecode } = await loadBytecode();
    const [curve, addresses] = [addressAt(1), addressesFrom(launch === undefined ? 3 : 4)];
    const emission = hasEmission ? computeCreated(addresses.settlementAddress, 3) : owner;
    const args = [createGenesis(plan, { owner, emission, curve })] as const;
    const { address: token } = await create(
      'token',
      encodeDeployData({ abi: ogongTokenAbi, bytecode: ogongTokenBytecode, args }),
    );
    if (launch === undefined) return { token, ...addresses };
    // It refuses to be anywhere but where the genesis has put its tokens.
    const sold = [token, toAddress(launch.asset, 'launch.asset'), launch.virtualReserve] as const;
    await create('launch curve', encodeDeployData({ abi: launchCurveAbi, bytecode: launchCurveBytecode, args: sold }));
    return { token, ...addresses, launch: curve };
  }
  // Parameters and staking come before the settlement.
  const { minimumValidatorBond } = { ...defaultLimits, ...plan.limits };
  const asked = { create, owner, governor, minimumValidatorBond, addressAt, after: 2 };
  const created = await deployBurnAndMint(plan.burnAndMint, asked);
  return { ...created, payment: created.burnAndMint.credits };
}
