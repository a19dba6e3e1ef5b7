import type { Address, BytesLike, Hex } from '../hex.ts';
import type { EpochTiming } from '../validators/beacon-keys.ts';
import type { BurnAndMintOptions } from './deploy-burn-and-mint.ts';

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
  /** Share of the model's maker; the provider gets it if the registry names none. A network begins with 0, and its governance raises it. */
  readonly maker: number;
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
  /** Stake of a payee whose verifiers may be drawn; 0: none is asked for. */
  readonly minimumVerifierStake: bigint;
}

/** How often validators test providers. */
export interface Tests {
  /** Answers that each validator buys of each provider and model in an epoch, on average, parts per million. */
  readonly canaryRate: number;
  /** Jobs with a deadline, likewise. */
  readonly timedRate: number;
  /** Tokens that the slowest device that may take part scores in a second. */
  readonly slowestRate: number;
}

/** Work that a key shows before it is listed, if its payee has staked nothing. */
export interface AskedWork {
  /** Leading zero bits of its hash; 0: nothing is asked for. */
  readonly bits: number;
  /** For how many epochs after the one that it names it counts. */
  readonly epochs: number;
}

/** Newcomers are asked for none. */
export const noWork: AskedWork = { bits: 0, epochs: 0 };

/** Of a network that names no others. */
export const defaultTests: Tests = { canaryRate: 50_000, timedRate: 0, slowestRate: 20 };

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
  /** Seconds. Earnings of a period are held for the next two periods. 0: earnings are not held. */
  readonly period: number;
  /** The first units that each key earns for a payee go to the verification pool, up to this. */
  readonly entrance: bigint;
  /** An order at a key costs at most the entrance and so many millionths of what the key holds: at most 2,000,000. */
  readonly growth: number;
}

export interface Recipients {
  readonly verification: Address;
  readonly treasury: Address;
  readonly license: Address;
}

/** Distribution of a fee. */
export interface Distribution {
  readonly shares: Shares;
  readonly recipients: Recipients;
}

/** Shares and coverage that belong together: the verification share pays for the audits. */
export interface NetworkProfile {
  readonly shares: Shares;
  /** Parts per million of the replies that are audited at least; a key that holds little is audited more. */
  readonly alpha: number;
}

const funded: NetworkProfile = {
  shares: { router: 100, validator: 100, verification: 400, treasury: 50, license: 2, recycle: 100, maker: 0 },
  alpha: 25_000,
};

/**
 * The first three are defaults: `npm run economics` holds what they keep for verification against the dearest audit that was measured.
 */
export const profiles = {
  /** Of a network with an emission, which nobody can farm. The provider keeps 92.48 %. */
  emission: funded,
  /** Nobody receives what is recycled where there is no emission. The provider keeps 93.48 %. */
  fees: { ...funded, shares: { ...funded.shares, recycle: 0 } },
  /**
   * 10 % verification, 5 % validators, 5 % treasury; of the provider's 80 %, a sixteenth is governance's. At most 0.95 of the dollars are
   * minted.
   */
  burnAndMint: {
    shares: { router: 0, validator: 500, verification: 1_000, treasury: 500, license: 0, recycle: 0, maker: 0 },
    alpha: 80_000,
  },
  /**
   * The whitepaper's example: the provider keeps 95.98 %, and every reply is audited. A hundredth of the fee pays for that only where an
   * audit costs about a hundredth of the reply. Chains on one machine take it, where nobody has to be paid.
   */
  whitepaper: {
    shares: { router: 100, validator: 100, verification: 100, treasury: 100, license: 2, recycle: 0, maker: 0 },
    alpha: 1_000_000,
  },
} as const satisfies Record<string, NetworkProfile>;

export const defaultLimits: Limits = {
  alpha: funded.alpha,
  withdrawalDelay: DAY,
  unbondingDelay: 21 * DAY,
  minimumValidatorBond: 10_000n * 10n ** 18n,
  minimumRouterBond: 1_000n * 10n ** 18n,
  // One whole token is the least stake that counts in a draw, so that a name alone verifies nothing. How much deters a verifier depends on
  // the price of its work, which no network knows on its first day.
  minimumVerifierStake: 10n ** 18n,
};

/** For a network with money in it. */
export const defaultDelays: Delays = {
  voting: HOUR,
  // No withdrawal delay may be longer: a holder who dislikes an announced change gets its money out before the change.
  notice: 7 * DAY,
  appeal: 3 * DAY,
  // Longer than an audit and its settlement may take (computeLongestAudit in the protocol).
  leastWithdrawal: 16 * HOUR,
  leastUnbonding: 7 * DAY,
};

/** For a network with money in it. A period is longer than auditing, settling and ejecting take. */
export const defaultHolding: Holding = { period: DAY, entrance: 10n ** 16n, growth: 2_000_000 };

/**
 * Earnings can be withdrawn at once.
 * @internal for tests
 */
export const noHolding: Holding = { period: 0, entrance: 0n, growth: 0 };

/** How much the emission gives, and when. Fixed for good when the contracts are deployed. */
export interface Issuance {
  /** Seconds since 1970, at a full hour. */
  readonly start: bigint;
  /** Seconds of one period of tallies, whole hours. 0: the network has no emission. */
  readonly period: number;
  /** Part of the recycled fees that may be given, in millionths: at most 900,000. */
  readonly lambda: number;
}

/** @internal */
export const noIssuance: Issuance = { start: 0n, period: 0, lambda: 0 };

/** Owners of the tokens that the genesis gives to people. */
export interface GenesisOwners {
  readonly team: BytesLike;
  readonly foundation: BytesLike;
  readonly listing: BytesLike;
}

/** A curve that sells the launch's tokens. Fixed for good when the contracts are deployed. */
export interface LaunchOptions {
  /** Asset that buyers pay with: an ERC-20 that moves whole. */
  readonly asset: BytesLike;
  /** Of the asset, atomic units: counts as if it were there, so that the first whole token costs a hundred-millionth of it. */
  readonly virtualReserve: bigint;
}

/** For a chain on one machine: every change counts at once. */
export const noDelays: Delays = { voting: 0, notice: 0, appeal: 0, leastWithdrawal: 0, leastUnbonding: 0 };

/** A thousand OGONG for a maker's name: squatting many names costs more than they are worth. */
export const defaultMakerFee = 1_000n * 10n ** 18n;

/** Rewards of cases and deposits of appeals. Fixed for good when the contracts are deployed. */
export interface Justice {
  /** The reporter's share of the amount that a case takes, in parts per million: between a tenth and a half. */
  readonly reporterPpm: number;
  /** Of an appeal against an ejection or a penalty, atomic units. It comes back where the appeal is right. */
  readonly deposit: bigint;
}

/** With a quarter, the silence of five witnesses costs more than the case, and a validator that reports itself loses three quarters. */
export const defaultJustice: Justice = { reporterPpm: 250_000, deposit: 100n * 10n ** 18n };

/** How token holders vote. Seconds; none of them ever gets shorter. */
export interface Voting {
  /** From a proposal until votes are counted. */
  readonly delay: number;
  readonly period: number;
  /** From a vote that passed until anybody may carry it out. */
  readonly timelock: number;
  /** Votes that a proposer needs, atomic units. */
  readonly threshold: bigint;
  /** Of all tokens, what has to vote for it or abstain, in basis points. */
  readonly quorumBps: number;
}

/** For a network with money in it. A hundredth of all tokens is a twentieth of those that are not the emission's. */
export const defaultVoting: Voting = {
  delay: DAY,
  period: 5 * DAY,
  timelock: 2 * DAY,
  threshold: 100_000n * 10n ** 18n,
  quorumBps: 100,
};

/** Plan of a network; it does not depend on the place of deployment. */
export interface DeployPlan {
  /** Has what no other address is named for; governs parameters where nobody votes. Default: the deployer. */
  readonly owner?: BytesLike;
  /** Token holders govern parameters. Default: the owner does. */
  readonly voting?: Voting;
  readonly recipients: { readonly verification: BytesLike; readonly treasury: BytesLike; readonly license: BytesLike };
  /** Shares and coverage if the next two name none. Default: the profile that pays for its own verification. */
  readonly profile?: 'whitepaper';
  readonly shares?: Partial<Shares>;
  readonly limits?: Partial<Limits>;
  readonly delays?: Delays;
  /** Price of a maker's name, atomic units. Default: defaultMakerFee. */
  readonly makerFee?: bigint;
  /** Default: defaultJustice. */
  readonly justice?: Justice;
  readonly holding?: Holding;
  readonly tests?: Partial<Tests>;
  /** Default: none. */
  readonly work?: AskedWork;
  /** Default: no emission. */
  readonly issuance?: Issuance;
  /** The token of an earlier deployment, which this one takes over from. Default: a new one. */
  readonly token?: BytesLike;
  /** Default: all of it is the owner's, half a billion tokens and more of it vesting. */
  readonly genesis?: GenesisOwners;
  /**
   * The curve that gets the launch's tokens, or whose they are instead; by default the owner's. Of a network that keeps a token: the curve that
   * sells it since before; by default none is named.
   */
  readonly launch?: LaunchOptions | { readonly owner: BytesLike } | { readonly earlier: BytesLike };
  /** Recipient of the treasury's share after its term. Default: the contract that token holders govern, or the treasury's recipient if they do not vote. */
  readonly vault?: BytesLike;
  /** When epochs begin. Default: no threshold beacon. */
  readonly beacon?: EpochTiming;
  /** The chain keeps a registry of machines of confidential tiers. Default: it keeps none. */
  readonly machines?: boolean;
  /** The chain keeps pins of storage providers. Default: it keeps none. */
  readonly pins?: boolean;
  /** Stake that a provider's key must be able to lose before it may answer in a tier: whole units of the currency of fees. In no contract: every node reads it from the deployment. */
  readonly tierStakes?: Readonly<Record<string, number>>;
  /** The network pays in dollar credits, for which tokens are burned, and mints for work. Default: it pays in OGONG. */
  readonly burnAndMint?: BurnAndMintOptions;
}

export interface DeployOptions extends DeployPlan {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Pays for the deployment. */
  readonly privateKey: Hex;
  /** How often receipts are asked for. Default: 100. */
  readonly pollIntervalMs?: number;
}
