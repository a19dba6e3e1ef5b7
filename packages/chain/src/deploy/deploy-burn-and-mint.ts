import { encodeDeployData, encodeFunctionData, getContractAddress } from 'viem';
import type { BurnAndMint } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import {
  boundedMintAbi,
  constantProductPoolAbi,
  devDollarAbi,
  documentMintAbi,
  mintBurnAbi,
  orogAbi,
  priceOracleAbi,
} from '../generated/abi.ts';
import type { Address, Hex } from '../hex.ts';
import { loadBytecode } from '../load-bytecode.ts';

const WHOLE = 10n ** 18n;

/** The economy of a network that pays in dollar credits. Fixed for good when the contracts are deployed. */
export interface BurnAndMintOptions {
  /** Addresses of the feeds that sign prices. */
  readonly feeds: readonly Address[];
  /** Seconds that a price holds for, at most a day. */
  readonly maxPriceAge: number;
  /** Has a sixteenth of what providers earn. */
  readonly governance: Address;
  /** `document` is the rule of Orogen's own page, which is farmed: for the laboratory, never for money. */
  readonly rule?: 'bounded' | 'document';
  /** Part of the burned tokens, parts per million: at most 950,000 by the bounded rule. */
  readonly elasticityPpm?: number;
  /** Tokens a year, atomic units. */
  readonly yearlyCap?: bigint;
  /** Tokens that exist from the beginning, the owner's. */
  readonly genesis?: bigint;
  /** Where the token is bought and sold, and for what; a new pool where no exchange is named, and a worthless dollar where nothing is. */
  readonly market?: { readonly exchange?: Address; readonly stable: Address };
}

/** Dollars of the market that a chain on one machine begins with, of 1e6 units each. */
const DEV_DOLLARS = 1_000_000_000n * 10n ** 6n;

/** A validator's least bond is so many times the stake of a provider that is paid, at the least: the contract has the same. */
const BOND_MULTIPLE = 10n;

/** Token, oracle and rule, and what the market lacks: that many contracts come before the one that burns and mints. */
export const countBefore = ({ market }: Pick<BurnAndMintOptions, 'market'>): number =>
  3 + [market?.stable, market?.exchange].filter((one) => one === undefined).length;

/** Creates one contract; `index` counts from this economy's first. */
export type Create = (what: string, data: Hex) => Promise<{ readonly address: Address }>;

/**
 * Deploys what burns and mints.
 * @param addressAt of the contract that is created as the n-th from now.
 * @param after how many contracts come between the last of these and the settlement.
 * @returns the token that is staked, what burns and mints, and where the settlement and, behind it, the cases and the model registry have to be.
 */
export async function deployBurnAndMint(
  options: BurnAndMintOptions,
  {
    create,
    addressAt,
    owner,
    governor,
    minimumValidatorBond,
    after,
  }: {
    readonly create: Create;
    readonly addressAt: (n: number) => Address;
    /** Has the tokens of the beginning. */
    readonly owner: Address;
    /** Names price feeds. */
    readonly governor: Address;
    /** At the deployment: a provider never stakes more than a tenth of it to be paid, whatever it becomes. */
    readonly minimumValidatorBond: bigint;
    readonly after: number;
  },
): Promise<{
  readonly token: Address;
  readonly burnAndMint: BurnAndMint;
  readonly settlementAddress: Address;
  readonly casesAddress: Address;
  readonly modelsAddress: Address;
}> {
  const { market, elasticityPpm = 950_000, yearlyCap = 100_000_000n * WHOLE } = options;
  const bytecode = await loadBytecode();
  const isDocument = options.rule === 'document';
  const created: string[] = [];
  const make: Create = async (what, data) => {
    created.push(what);
    return create(what, data);
  };
  const before = countBefore(options);
  const minter = addressAt(before);
  const token = await make(
    'token',
    encodeDeployData({
      abi: orogAbi,
      bytecode: bytecode.orogBytecode,
      args: [minter, owner, options.genesis ?? 1_000_000_000n * WHOLE],
    }),
  );
  const stable =
    market?.stable ??
    (
      await make(
        'development dollar',
        encodeDeployData({ abi: devDollarAbi, bytecode: bytecode.devDollarBytecode, args: [owner, DEV_DOLLARS] }),
      )
    ).address;
  const exchange =
    market?.exchange ??
    (
      await make(
        'pool',
        encodeDeployData({
          abi: constantProductPoolAbi,
          bytecode: bytecode.constantProductPoolBytecode,
          args: [token.address, stable],
        }),
      )
    ).address;
  const oracle = await make(
    'oracle',
    encodeDeployData({
      abi: priceOracleAbi,
      bytecode: bytecode.priceOracleBytecode,
      args: [governor, [...options.feeds], BigInt(options.maxPriceAge)],
    }),
  );
  const ruleArgs = [BigInt(elasticityPpm), yearlyCap] as const;
  const rule = await make(
    'mint rule',
    isDocument
      ? encodeDeployData({ abi: documentMintAbi, bytecode: bytecode.documentMintBytecode, args: ruleArgs })
      : encodeDeployData({ abi: boundedMintAbi, bytecode: bytecode.boundedMintBytecode, args: ruleArgs }),
  );
  if (created.length !== before) throw new ChainError('bad-input', 'burn and mint: another number of contracts');
  const settlement = addressAt(before + 1 + after);
  const mintBurn = await make(
    'burn and mint',
    encodeDeployData({
      abi: mintBurnAbi,
      bytecode: bytecode.mintBurnBytecode,
      args: [
        {
          ...{ token: token.address, stable, oracle: oracle.address, exchange, rule: rule.address },
          ...{ settlement, governance: options.governance, mostLeastStake: minimumValidatorBond / BOND_MULTIPLE },
        },
      ],
    }),
  );
  // It creates credits and payouts.
  const createdBy = (nonce: bigint): Address =>
    getContractAddress({ from: mintBurn.address, nonce }).toLowerCase() as Address;
  return {
    token: token.address,
    settlementAddress: settlement,
    casesAddress: addressAt(before + 2 + after),
    modelsAddress: addressAt(before + 3 + after),
    burnAndMint: {
      ...{ credits: createdBy(1n), mintBurn: mintBurn.address, payouts: createdBy(2n) },
      ...{ oracle: oracle.address, exchange, stable, rule: rule.address },
    },
  };
}

/** For a network that has a pool of its own. @returns the call that fills it, once the pool may take as much */
export const encodeProvide = (tokens: bigint, dollars: bigint): Hex =>
  encodeFunctionData({ abi: constantProductPoolAbi, functionName: 'provide', args: [tokens, dollars] });
