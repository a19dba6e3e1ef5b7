import { isTier } from '@ogong/protocol/tier/registry';
import { ChainError } from './errors.ts';
import type { Address } from './hex.ts';

/** The contracts of a network that pays in dollar credits (docs/adr/burn-and-mint.md). Its token is staked and bonded, and not paid with. */
export interface BurnAndMint {
  readonly credits: Address;
  readonly mintBurn: Address;
  readonly payouts: Address;
  readonly oracle: Address;
  readonly exchange: Address;
  /** The stablecoin that payouts are in. */
  readonly stable: Address;
  /** Says how much an epoch mints. */
  readonly rule: Address;
}

const burnAndMintNames = ['credits', 'mintBurn', 'payouts', 'oracle', 'exchange', 'stable', 'rule'] as const;

/** Where the contracts of one network are. Every daemon gets this. */
export interface Deployment {
  readonly chainId: number;
  readonly rpcUrl?: string;
  readonly token: Address;
  readonly parameters: Address;
  readonly staking: Address;
  readonly registry: Address;
  readonly escrow: Address;
  readonly settlement: Address;
  /** ModelRegistry. */
  readonly models: Address;
  readonly earnings: Address;
  /** Convictions, each with its offence. */
  readonly cases: Address;
  /** Panels that hear appeals. */
  readonly hearings: Address;
  /** Proofs by two signatures. */
  readonly equivocation: Address;
  /** Sells the launch's tokens, and buys them back. Absent where the network has no such curve. */
  readonly launch?: Address;
  /** Absent where the network has no emission. */
  readonly emission?: Address;
  /** Keys of the threshold beacon. Absent where the network has the bootstrap beacon alone. */
  readonly beaconKeys?: Address;
  /** Machines of providers of confidential tiers. Absent where the network keeps none. */
  readonly machines?: Address;
  /** Storage that providers prove. Absent where the network keeps no pins. */
  readonly pins?: Address;
  /** Counts the votes of token holders. Absent where an owner governs. */
  readonly government?: Address;
  /** Owns what they vote about. */
  readonly timelock?: Address;
  /** Absent where the network pays in its token. */
  readonly burnAndMint?: BurnAndMint;
  /**
   * Amount that an ejection of a provider's key has to take before the key may answer in a tier, by the tier's name. Whole units of the
   * currency of fees, OGONG or credits; see docs/spec/match.md,
   * "At stake". The same for all nodes of a network. Default: no tier asks for any.
   */
  readonly tierStakes?: Readonly<Record<string, number>>;
  /** First block with events of these contracts. */
  readonly block: number;
}

/** The token that a network pays with, and its chain: signatures about money name both. */
export type TokenPlace = Pick<Deployment, 'chainId' | 'token'>;

/** Above all tokens that there are. */
const MOST_TIER_STAKE = 10_000_000_000;

export const contractNames = [
  'token',
  'parameters',
  'staking',
  'registry',
  'escrow',
  'settlement',
  'earnings',
  'models',
  'cases',
  'hearings',
  'equivocation',
] as const;

const addressPattern = /^0x[0-9a-fA-F]{40}$/;

/** Reads a deployment from its JSON text or object. @throws ChainError 'bad-input' naming the field. */
export function parseDeployment(input: unknown): Deployment {
  let value = input;
  if (typeof input === 'string') {
    try {
      value = JSON.parse(input);
    } catch (cause) {
      throw new ChainError('bad-input', 'deployment: not JSON', { cause });
    }
  }
  if (typeof value !== 'object' || value === null) throw new ChainError('bad-input', 'deployment: not an object');
  const fields = value as Record<string, unknown>;
  const addresses = Object.fromEntries(contractNames.map((name) => [name, parseAddress(fields[name], name)])) as Record<
    (typeof contractNames)[number],
    Address
  >;
  const { rpcUrl } = fields;
  if (rpcUrl !== undefined && (typeof rpcUrl !== 'string' || !URL.canParse(rpcUrl))) {
    throw new ChainError('bad-input', 'deployment: rpcUrl is not a URL');
  }
  const chainId = parseCount(fields.chainId, 'chainId');
  if (chainId === 0) throw new ChainError('bad-input', 'deployment: chainId is zero');
  return {
    chainId,
    ...(rpcUrl === undefined ? {} : { rpcUrl }),
    ...addresses,
    ...(fields.launch === undefined ? {} : { launch: parseAddress(fields.launch, 'launch') }),
    ...(fields.emission === undefined ? {} : { emission: parseAddress(fields.emission, 'emission') }),
    ...(fields.beaconKeys === undefined ? {} : { beaconKeys: parseAddress(fields.beaconKeys, 'beaconKeys') }),
    ...(fields.machines === undefined ? {} : { machines: parseAddress(fields.machines, 'machines') }),
    ...(fields.pins === undefined ? {} : { pins: parseAddress(fields.pins, 'pins') }),
    ...(fields.government === undefined ? {} : { government: parseAddress(fields.government, 'government') }),
    ...(fields.timelock === undefined ? {} : { timelock: parseAddress(fields.timelock, 'timelock') }),
    ...(fields.burnAndMint === undefined ? {} : { burnAndMint: parseBurnAndMint(fields.burnAndMint) }),
    ...(fields.tierStakes === undefined ? {} : { tierStakes: parseTierStakes(fields.tierStakes) }),
    block: parseCount(fields.block, 'block'),
  };
}

/** @throws ChainError 'bad-input' on an unknown tier, or anything that is no amount */
export function parseTierStakes(value: unknown): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null)
    throw new ChainError('bad-input', 'deployment: tierStakes is not an object');
  return Object.fromEntries(
    Object.entries(value).map(([tier, stake]) => {
      if (!isTier(tier))
        throw new ChainError('bad-input', `deployment: tierStakes names no tier: ${tier.slice(0, 32)}`);
      const whole = parseCount(stake, `tierStakes.${tier}`);
      if (whole === 0 || whole > MOST_TIER_STAKE)
        throw new ChainError('bad-input', `deployment: tierStakes.${tier} is out of range`);
      return [tier, whole];
    }),
  );
}

/** Stakes of tiers, in whole units of the currency of fees. */
export const readTierStakes = ({ tierStakes = {} }: Pick<Deployment, 'tierStakes'>): ReadonlyMap<string, bigint> =>
  new Map(Object.entries(tierStakes).map(([tier, stake]) => [tier, BigInt(stake)]));

function parseBurnAndMint(value: unknown): BurnAndMint {
  if (typeof value !== 'object' || value === null) {
    throw new ChainError('bad-input', 'deployment: burnAndMint is not an object');
  }
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(
    burnAndMintNames.map((name) => [name, parseAddress(fields[name], `burnAndMint.${name}`)]),
  ) as unknown as BurnAndMint;
}

function parseAddress(value: unknown, field: string): Address {
  if (typeof value !== 'string' || !addressPattern.test(value)) {
    throw new ChainError('bad-input', `deployment: ${field} is not an address`);
  }
  return value.toLowerCase() as Address;
}

function parseCount(value: unknown, field: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new ChainError('bad-input', `deployment: ${field} is not a whole number`);
  }
  return value as number;
}
