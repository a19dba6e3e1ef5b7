import { defaultJustice } from '@ogong/chain/deploy/deploy';
import { casesAbi, ogongTokenAbi, parametersAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { fromHex } from '@ogong/protocol/base/bytes';
import { encodeFunctionData, maxUint256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { takeRoster } from './measure-settlement.ts';
import type { MoneyRules } from './money-book.ts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';
import { deployWallet } from './test-wallet.ts';

export const APPEAL_S = 3_600;
/** Settings of the emission's tallies. */
export const TALLY_S = 3_600;
export const LAMBDA_PPM = 900_000;
export const PERIOD_S = 600;
const DELAY_S = 1_200;
const UNBONDING_S = 900;
const ROUTER_BOND = 5n * unit;
/** Seconds of an appeal. */
const DEPOSIT = unit / 10n;
export const NOBODY: Address = `0x${'00'.repeat(20)}`;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;

/** A contract account that pays one validator, and the limits that its code accepts for the first delegate. */
interface PayingWallet {
  readonly address: Address;
  readonly validator: Address;
  readonly limits: readonly bigint[];
}

/** A chain, and every account whose money a flow moves. */
export interface MoneyWorld {
  readonly ledger: TestLedger;
  readonly rules: MoneyRules;
  readonly payers: readonly Member[];
  readonly validators: readonly Member[];
  readonly payees: readonly Member[];
  /** Keys that sign orders for others, and their accounts. */
  readonly delegates: readonly Hex[];
  readonly delegateAccounts: readonly Address[];
  readonly wallets: readonly PayingWallet[];
  /** Bonds of validators. */
  readonly votes: ReadonlyMap<string, bigint>;
  readonly roster: Address;
  readonly providerIds: readonly Hex[];
  /** The second one has no maker. */
  readonly models: readonly Hex[];
  /** Accounts that pay, and those whose own code agrees. */
  readonly paying: readonly Address[];
}

const wordOf = (i: number): Hex => `0x${String(i).padStart(64, '0')}`;
export const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

async function publishModel({ client }: Member, modelRoot: Hex): Promise<void> {
  await client.claimMaker('acme');
  const description = { modelRoot, tokenizerHash: modelRoot, licence: 'MIT', sources: ['https://acme.example'] };
  await client.claimWeights('acme', modelRoot);
  await client.publishModel({ maker: 'acme', model: 'one' }, { ...description, adapterRoots: [] });
}

/** Each pays one validator, and lets a delegate sign. */
async function deployWallets(
  ledger: TestLedger,
  { validators, key }: { readonly validators: readonly Member[]; readonly key: Address },
): Promise<readonly PayingWallet[]> {
  const limits = [unit / 4n, unit / 2n, unit];
  const deployed: PayingWallet[] = [];
  for (const { address: validator } of validators) {
    const { address, agree } = await deployWallet(ledger, validator);
    for (const cumulative of limits) await agree({ key, cumulative });
    deployed.push({ address, validator, limits });
  }
  return deployed;
}

/** @param providers keys that earn. */
export async function openMoneyWorld(providers: number): Promise<MoneyWorld> {
  const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
  const ledger = await startTestLedger({
    ...{
      blockTimeMs: 50,
      keepsStates: false,
      holding: { period: PERIOD_S, entrance: 5_000n },
      delays: { appeal: APPEAL_S },
    },
    issuance: { start, period: TALLY_S, lambda: LAMBDA_PPM },
    limits: { withdrawalDelay: DELAY_S, unbondingDelay: UNBONDING_S, minimumRouterBond: ROUTER_BOND },
    justice: { ...defaultJustice, deposit: DEPOSIT },
  });
  const delegates = [0x71, 0x72].map((byte): Hex => `0x${byte.toString(16).repeat(32)}`);
  const delegateAccounts = delegates.map((key): Address => privateKeyToAccount(key).address.toLowerCase() as Address);
  const models = [8, 9].map(wordOf);
  // Bonds large enough for every settlement: their limit is not in the model.
  // The two larger ones are a quorum, and pots are shared by votes.
  const bonds = [500_000n, 1_000_000n, 1_200_000n].map((bond) => bond * unit);
  const validators = await Promise.all(bonds.map((bond) => ledger.createValidator(bond)));
  const votes = new Map(validators.map(({ address }, i) => [address, bonds[i] as bigint]));
  const payers = await Promise.all([1, 2, 3, 4].map(() => ledger.createMember(1_000n * unit)));
  const payees = await Promise.all([1, 2].map(() => ledger.createMember(2_000n * unit)));
  const { escrow, earnings, staking, token } = ledger.deployment;
  const cosigners = cosignersOf(ledger.deployment);
  const { shares, recipients } = await ledger.governor.parameters();
  const maker = payees[0] as Member;
  await publishModel(maker, models[0] as Hex);
  await ledger.governor.setDistribution({ shares: { ...shares, maker: 300 }, recipients });
  await takeRoster(ledger, validators);
  const roster = await ledger.governor.currentRoster();
  const wallets = await deployWallets(ledger, { validators, key: delegateAccounts[0] as Address });
  const { router, validator, verification, treasury, license, recycle } = shares;
  const { cases, emission, parameters } = ledger.deployment as Record<'cases' | 'emission' | 'parameters', Address>;
  const guardian = computeAddress(ledger.governorKey);
  const named = encodeFunctionData({ abi: parametersAbi, functionName: 'setGuardian', args: [guardian] });
  await ledger.governor.transactor.send('name a guardian', parameters, named);
  const reporterPpm = await ledger.governor.transactor.client.readContract({
    ...{ address: cases, abi: casesAbi, functionName: 'reporterPpm' },
  });
  const rules: MoneyRules = {
    ...{ escrow, earnings, staking, pool: ledger.treasury, treasury: ledger.treasury, license: ledger.treasury },
    votes: [...votes.values()].reduce((sum, one) => sum + one, 0n),
    shares: {
      ...{ routerBps: router, validatorBps: validator, verificationBps: verification },
      ...{ treasuryBps: treasury, licenseBps: license, recycleBps: recycle, makerBps: 300 },
    },
    ...{ cosigners, makers: new Map([[models[0] as string, maker.address as string]]) },
    ...{
      withdrawalDelay: BigInt(DELAY_S),
      unbondingDelay: BigInt(UNBONDING_S),
      period: BigInt(PERIOD_S),
      appeal: BigInt(APPEAL_S),
      entrance: 5_000n,
    },
    offences: {
      ...{ staking, cases, treasury: ledger.treasury, appeal: BigInt(APPEAL_S), reporterPpm, votesOf: votes },
      ...{ unbondingDelay: BigInt(UNBONDING_S), minimumRouterBond: ROUTER_BOND, deposit: DEPOSIT },
    },
    guardian,
    emission: { emission, start, period: BigInt(TALLY_S), lambdaPpm: BigInt(LAMBDA_PPM) },
  };
  const allow = ({ client }: Member, spender: Address) => {
    const args = [spender, maxUint256] as const;
    const data = encodeFunctionData({ abi: ogongTokenAbi, functionName: 'approve', args });
    return client.transactor.send('approve', token, data);
  };
  for (const one of payers) for (const spender of [escrow, cases]) await allow(one, spender);
  for (const one of payees) for (const spender of [staking, earnings]) await allow(one, spender);
  // From here on only the test mines blocks.
  await ledger.chain.setBlockTime(100_000);
  return {
    ...{ ledger, rules, payers, validators, payees, delegates, delegateAccounts, wallets, votes, roster, models },
    providerIds: Array.from({ length: providers }, (_, i) => wordOf(i + 1)),
    paying: [...payers, ...wallets].map(({ address }) => address),
  };
}
