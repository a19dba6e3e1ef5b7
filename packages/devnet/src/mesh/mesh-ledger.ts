import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { defaultHolding, noDelays } from '@ogong/chain/deploy/deploy';
import { deployContracts, hashContracts } from '@ogong/chain/deploy/deploy-contracts';
import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import { ChainError } from '@ogong/chain/errors';
import { type Address, bytesToHex, type Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { systemClock } from '@ogong/host/time/clock';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { registerRouter } from '@ogong/router/register';
import { registerBoxKey, registerHeadKey } from '@ogong/validator/register';
import type { DevChain } from '../chain/dev-chain.ts';
import { buyDevCredits, describeDevEconomy, openDevMarket } from '../chain/dev-market.ts';
import { MeshError } from './mesh-error.ts';

/** One OGONG in atomic units. */
export const OGONG = 10n ** 18n;

export interface LedgerAccount {
  readonly name: string;
  readonly privateKey: Hex;
}

export interface BondedValidator extends LedgerAccount {
  readonly bondAtomic: bigint;
  readonly endpoint: string;
  readonly certHash: Uint8Array;
  readonly vrfKey: Uint8Array;
  /** Speaks for the account. */
  readonly signing: LedgerSigner;
  /** Pays for the daemon's transactions. */
  readonly feePayer: Address;
  /** Key that encrypts its shares of the beacon's key. */
  readonly boxKey: Uint8Array;
  readonly headKey: Uint8Array;
}

export interface StakedProvider extends LedgerAccount {
  /** Of draws of its verifier, and the same again for its place in routing. */
  readonly stakeAtomic: bigint;
}

export interface BondedRouter extends LedgerAccount {
  readonly bondAtomic: bigint;
  /** Hash of the key that signs its tickets. */
  readonly ticketKey: Uint8Array;
}

export interface FundedPayer extends LedgerAccount {
  readonly depositAtomic: bigint;
  /** Reserved for each validator, out of the deposit. */
  readonly allowanceAtomic: bigint;
}

/** A model that the maker's account publishes. */
export interface PublishedModel {
  readonly id: string;
  readonly root: Uint8Array;
  readonly tokenizerHash: Uint8Array;
}

/** Rates of each provider by each validator in an epoch, parts per million; absent rates stay as they are. */
export interface TestRates {
  /** Answers that it buys (docs/spec/canary.md). */
  readonly canaryRate?: number | undefined;
  /** Jobs with a deadline that it gives (docs/spec/timed-challenge.md). */
  readonly timedRate?: number | undefined;
}

export interface LedgerPlan {
  readonly deployer: LedgerAccount;
  readonly recipients: { readonly verification: Address; readonly treasury: Address; readonly license: Address };
  /** The network pays in dollar credits, at prices that these keys sign. Default: it pays in its token. */
  readonly burnAndMint?: { readonly feedKeys: readonly Hex[]; readonly governance: Address };
  readonly validators: readonly BondedValidator[];
  readonly providers: readonly StakedProvider[];
  readonly router: BondedRouter;
  readonly payer: FundedPayer;
  /** Account that all names belong to. */
  readonly maker: LedgerAccount;
  readonly models: readonly PublishedModel[];
  /** How often validators test providers, to begin with. Default: as the contracts have it. */
  readonly testRates?: TestRates | undefined;
  /** Default: it has none, and the deployer holds the tranche. */
  readonly hasEmission?: boolean;
  /** Seconds of an epoch of the threshold beacon. Default: the network has the bootstrap beacon alone. */
  readonly beaconPeriod?: number | undefined;
  /** The chain keeps a registry of machines. */
  readonly hasMachines?: boolean;
}

/** Blocks come faster than this while a mesh starts. */
const POLL_MS = 25;

/** Enough native coin for any number of transactions on a chain of one's own. */
const gasBalance = 10_000n * 10n ** 18n;

/**
 * Prepares a chain for daemons: contracts deployed, validators bonded and registered, providers staked, the payer's channels open. Every
 * step first checks the present state, so that an interrupted run can simply be repeated.
 */
export async function prepareLedger(
  plan: LedgerPlan,
  {
    chain,
    deploymentFile,
    onProgress = () => {},
  }: {
    readonly chain: Pick<DevChain, 'rpcUrl' | 'chainId' | 'setBalance'>;
    readonly deploymentFile: string;
    readonly onProgress?: (what: string) => void;
  },
): Promise<Deployment> {
  const { deployer, validators, providers, router, payer, maker } = plan;
  const accounts = [deployer, ...validators, ...providers, router, payer, maker];
  const senders = [
    ...accounts.map(({ privateKey }) => computeAddress(privateKey)),
    ...validators.map(({ feePayer }) => feePayer),
  ];
  await Promise.all(senders.map((sender) => chain.setBalance(sender, gasBalance)));
  onProgress('deploying the contracts');
  const deployment =
    (await findDeployment(deploymentFile, chain.rpcUrl)) ??
    (await deploy(plan, chain, deploymentFile, plan.burnAndMint));
  const connect = ({ privateKey }: LedgerAccount): Promise<ChainClient> =>
    createChainClient({ rpcUrl: chain.rpcUrl, deployment, privateKey, pollIntervalMs: POLL_MS });
  const governor = await connect(deployer);
  await openDevMarket(governor, plan.burnAndMint?.feedKeys ?? []);
  await setTestRates(governor, plan.testRates ?? {});

  onProgress(
    `bonding ${validators.length} validators, staking ${providers.length} providers, funding the gateway, publishing models`,
  );
  // One account mints, so mints are sequential. Each member continues as soon as it has its tokens.
  await Promise.all([
    ...validators.map(async (validator) => {
      const client = await connect(validator);
      await nameSigningKey(client, validator, deployment);
      await bondValidator(client, validator, governor);
      if (deployment.beaconKeys === undefined) return;
      await registerBoxKey(client, validator.boxKey);
      await registerHeadKey(client, validator.headKey);
    }),
    ...providers.map(async (provider) => {
      const client = await connect(provider);
      await stake(client, provider, governor);
      await prioritize(client, provider, governor);
    }),
    connect(router).then((client) => bondRouter(client, router, governor)),
    connect(payer).then((client) => openChannels(client, plan, governor)),
    connect(maker).then((client) => publishModels(client, plan, governor)),
  ]);
  return deployment;
}

/** By the owner of the parameters. Validators read it with the registry. */
export async function setTestRates(governor: ChainClient, rates: TestRates): Promise<void> {
  const { tests } = await governor.parameters();
  const { canaryRate = tests.canaryRate, timedRate = tests.timedRate } = rates;
  if (canaryRate === tests.canaryRate && timedRate === tests.timedRate) return;
  await governor.setTests({ ...tests, canaryRate, timedRate });
}

/**
 * The deployment of an earlier run, where its contracts are still on the chain.
 * @throws MeshError 'other-version' if they are not those of this version: nobody could speak with them.
 */
async function findDeployment(file: string, rpcUrl: string): Promise<Deployment | undefined> {
  let deployment: Deployment;
  try {
    deployment = { ...parseDeployment(readFileSync(file, 'utf8')), rpcUrl };
  } catch {
    return undefined;
  }
  try {
    await createChainClient({ rpcUrl, deployment });
  } catch (error) {
    if (error instanceof ChainError && error.code === 'wrong-chain') return undefined;
    // A chain that is slow to answer has not lost its contracts: others in their place would be another network.
    throw error;
  }
  const version = versionFileOf(file);
  if (existsSync(version) && readFileSync(version, 'utf8') === (await hashContracts())) return deployment;
  throw new MeshError(
    'other-version',
    `the network in ${dirname(file)} was made by another version of this program, whose contracts differ. Remove that folder to start a new network (its money is worth nothing)`,
  );
}

/** Path beside a deployment: the version of its contracts. */
const versionFileOf = (deploymentFile: string): string => deploymentFile.replace(/(\.json)?$/, '.contracts');

/** Short, so that a user who tries the network sees money come within minutes. No new key is paid more than the entrance at once. */
const holding = { ...defaultHolding, period: 60 };

const HOUR_S = 3_600;

async function deploy(
  { deployer, recipients, beaconPeriod, hasEmission, hasMachines }: LedgerPlan,
  { rpcUrl, chainId }: Pick<DevChain, 'rpcUrl' | 'chainId'>,
  file: string,
  burnAndMint: LedgerPlan['burnAndMint'],
): Promise<Deployment> {
  const nowS = Math.floor(systemClock.nowMs() / 1_000);
  const deployment = await deployContracts({
    ...{ rpcUrl, chainId, privateKey: deployer.privateKey, recipients, pollIntervalMs: POLL_MS },
    ...(hasEmission && {
      issuance: { start: BigInt(Math.floor(nowS / HOUR_S) * HOUR_S), period: HOUR_S, lambda: 900_000 },
    }),
    ...(burnAndMint && { burnAndMint: describeDevEconomy(burnAndMint.feedKeys, burnAndMint.governance, HOUR_S) }),
    delays: noDelays,
    holding,
    ...(!hasEmission && !burnAndMint && { profile: 'whitepaper' as const }),
    // Every reply is audited, so that a user who tries the network sees it, and nobody has to be paid or to stake. Longer than an audit may
    // take with the slowest timings of a mesh.
    limits: { alpha: 1_000_000, withdrawalDelay: 4 * 3_600, minimumVerifierStake: 0n },
    ...(hasMachines && { machines: true }),
    pins: true,
    ...(beaconPeriod && {
      beacon: { origin: BigInt(nowS), period: BigInt(beaconPeriod) },
    }),
  });
  writePrivateFile(versionFileOf(file), await hashContracts());
  writePrivateFile(file, `${JSON.stringify(deployment, null, 2)}\n`);
  return deployment;
}

async function nameSigningKey(
  client: ChainClient,
  { privateKey, signing }: BondedValidator,
  deployment: Deployment,
): Promise<void> {
  const account = fromHex(computeAddress(privateKey).slice(2), 20);
  const { named } = await client.signingKeyOf(account);
  if (named === bytesToHex(signing.address)) return;
  const domain = domainOf(deployment, deployment.registry);
  const consent = await createKeySigner(nodeCrypto, signing, account).sign({ kind: 'signing-key', domain, account });
  await client.setSigningKey(signing.address, consent);
}

async function bondValidator(client: ChainClient, validator: BondedValidator, governor: ChainClient): Promise<void> {
  const address = computeAddress(validator.privateKey);
  const { amount } = await client.bondOf(address);
  if (amount < validator.bondAtomic) {
    await top(governor, address, validator.bondAtomic - amount);
    await client.bond(validator.bondAtomic - amount);
  }
  const { endpoint, certHash, vrfKey } = validator;
  const present = (await client.validators()).find(({ account }) => account === address);
  if (present?.endpoint === endpoint) return;
  if (present) await client.updateValidator({ endpoint, certHash });
  else await client.registerValidator({ endpoint, certHash, vrfKey });
}

async function bondRouter(client: ChainClient, router: BondedRouter, governor: ChainClient): Promise<void> {
  await stake(client, { ...router, stakeAtomic: router.bondAtomic }, governor);
  await registerRouter(client, router.ticketKey);
}

async function stake(
  client: ChainClient,
  { privateKey, stakeAtomic }: StakedProvider,
  governor: ChainClient,
): Promise<void> {
  const address = computeAddress(privateKey);
  const missing = stakeAtomic - (await client.stakeOf(address));
  if (missing <= 0n) return;
  await top(governor, address, missing);
  await client.stake(missing);
}

async function prioritize(
  client: ChainClient,
  { privateKey, stakeAtomic }: StakedProvider,
  governor: ChainClient,
): Promise<void> {
  const address = computeAddress(privateKey);
  const missing = stakeAtomic - (await client.priorityOf(address)).amount;
  if (missing <= 0n) return;
  await top(governor, address, missing);
  await client.prioritize(missing);
}

async function openChannels(
  client: ChainClient,
  { payer, validators }: LedgerPlan,
  governor: ChainClient,
): Promise<void> {
  const address = computeAddress(payer.privateKey);
  const channels = await Promise.all(
    validators.map(async ({ privateKey }) => {
      const validator = computeAddress(privateKey);
      const { admitted, spent } = await client.channelOf(address, validator);
      return { validator, missing: payer.allowanceAtomic - (admitted - spent) };
    }),
  );
  const needed = channels.reduce((sum, { missing }) => (missing > 0n ? sum + missing : sum), 0n);
  if (needed === 0n) return;
  const free = await client.freeOf(address);
  if (free < needed) {
    // The whole deposit, unless more than that is missing.
    const wanted = [payer.depositAtomic, needed].sort((a, b) => (a < b ? 1 : -1))[0] as bigint;
    if (client.deployment.burnAndMint === undefined) await top(governor, address, wanted - free);
    else await buyDevCredits(governor, client, wanted - free);
    await client.deposit(wanted - free);
  }
  for (const { validator, missing } of channels) if (missing > 0n) await client.admit(validator, missing);
}

/** Claims the makers' names, and publishes models that are not in force yet. */
async function publishModels(
  client: ChainClient,
  { maker, models }: Pick<LedgerPlan, 'maker' | 'models'>,
  governor: ChainClient,
): Promise<void> {
  const address = computeAddress(maker.privateKey);
  for (const { id, root, tokenizerHash } of models) {
    const name = parseModelId(id);
    if ((await client.makerOwner(name.maker)) === undefined) {
      await top(governor, address, await client.makerFee());
      await client.claimMaker(name.maker);
    }
    const modelRoot = bytesToHex(root);
    const versions = await client.modelVersions(name);
    if (versions.at(-1)?.modelRoot === modelRoot) continue;
    const description = { licence: 'NOASSERTION', sources: [], adapterRoots: [] };
    await client.publishModel(name, { ...description, modelRoot, tokenizerHash: bytesToHex(tokenizerHash) });
  }
}

/** Mints the tokens that an account lacks for `amount`. */
async function top(governor: ChainClient, account: Address, amount: bigint): Promise<void> {
  const balance = await governor.balanceOf(account);
  if (balance < amount) await governor.transfer(account, amount - balance);
}
