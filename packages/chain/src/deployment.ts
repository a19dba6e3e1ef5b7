import { ChainError } from './errors.ts';
import type { Address } from './hex.ts';

/** The contracts of a network that pays in dollar credits (ADR 53). Its token is staked and bonded, and not paid with. */
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
  /** Who was convicted of what. */
  readonly cases: Address;
  /** Panels that hear appeals. */
  readonly hearings: Address;
  /** Proofs by two signatures. */
  readonly equivocation: Address;
  /** Absent where the network has no emission. */
  readonly emission?: Address;
  /** Keys of the threshold beacon. Absent where the network has the bootstrap beacon alone. */
  readonly beaconKeys?: Address;
  /** Machines of providers of confidential tiers. Absent where the network keeps none. */
  readonly machines?: Address;
  /** Counts the votes of token holders. Absent where an owner governs. */
  readonly government?: Address;
  /** Owns what they vote about. */
  readonly timelock?: Address;
  /** Absent where the network pays in its token. */
  readonly burnAndMint?: BurnAndMint;
  /** First block with events of these contracts. */
  readonly block: number;
}

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
    ...(fields.emission === undefined ? {} : { emission: parseAddress(fields.emission, 'emission') }),
    ...(fields.beaconKeys === undefined ? {} : { beaconKeys: parseAddress(fields.beaconKeys, 'beaconKeys') }),
    ...(fields.machines === undefined ? {} : { machines: parseAddress(fields.machines, 'machines') }),
    ...(fields.government === undefined ? {} : { government: parseAddress(fields.government, 'government') }),
    ...(fields.timelock === undefined ? {} : { timelock: parseAddress(fields.timelock, 'timelock') }),
    ...(fields.burnAndMint === undefined ? {} : { burnAndMint: parseBurnAndMint(fields.burnAndMint) }),
    block: parseCount(fields.block, 'block'),
  };
}

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
