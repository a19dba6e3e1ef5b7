import { readFileSync } from 'node:fs';
import {
  boundedMintAbi,
  constantProductPoolAbi,
  creditsAbi,
  mintBurnAbi,
  payoutsAbi,
  priceOracleAbi,
} from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { createMintReads } from '@ogong/chain/money/burn-and-mint';
import { DEV_DOLLAR_PRICE, DEV_TOKEN_PRICE, postDevPrice } from '@ogong/devnet/chain/dev-market';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  computeAveragePrice,
  computeBackingPart,
  computeBoundedMint,
  computeCarriedBurn,
  computeGovernancePart,
  computeLeastSale,
  computeMedianPrice,
  computeMintClaim,
  computePoolOut,
  computeTopUp,
  MINT_EPOCH_S,
  type PriceChange,
} from '@ogong/protocol/settlement/burn-mint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../protocol/vectors/burn-mint.json', import.meta.url), 'utf8'));
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 300;
const SETTINGS = { elasticityPpm: 950_000n, yearlyCap: 100_000_000n * unit };
const feedKeys = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
let ledger: TestLedger;
let contracts: NonNullable<TestLedger['deployment']['burnAndMint']>;

beforeAll(async () => {
  ledger = await startTestLedger({ feedKeys, limits: { minimumValidatorBond: 100n * unit } });
  contracts = ledger.deployment.burnAndMint as typeof contracts;
});
afterAll(() => ledger.stop());

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

const now = async (block?: bigint): Promise<bigint> => {
  const { client } = ledger.governor.transactor;
  return (await client.getBlock(block === undefined ? {} : { blockNumber: block })).timestamp;
};
const postAll = async (price = DEV_TOKEN_PRICE): Promise<void> => {
  // A feed signs at most one price a second.
  await pass(1);
  await postDevPrice(ledger.governor, feedKeys, { asset: ledger.deployment.token, price });
  await postDevPrice(ledger.governor, feedKeys, { asset: contracts.stable, price: DEV_DOLLAR_PRICE });
};
const reserves = () =>
  ledger.governor.transactor.client.readContract({
    address: contracts.exchange,
    abi: constantProductPoolAbi,
    functionName: 'reserves',
  });

describe('a network that burns and mints', () => {
  it('accepts a dollar and pays for a dollar of work, exact to the unit that the protocol computes', async () => {
    const { governor } = ledger;
    await postAll();
    const validators = [await ledger.createValidator(), await ledger.createValidator(), await ledger.createValidator()];
    const [handler] = validators as [(typeof validators)[0]];
    const payer = await ledger.createMember();
    const provider = await ledger.createMember(10n * unit);
    await provider.client.stake(10n * unit);
    const providerId: Hex = `0x${'01'.repeat(32)}`;

    const [tokens, dollars] = await reserves();
    const before = await governor.creditSupply();
    await governor.transferStable(payer.address, 1_000n * 10n ** 6n);
    await payer.client.topUp(contracts.stable, 1_000n * 10n ** 6n, 0n, (await now()) + 600n);
    const burned = computePoolOut(1_000n * 10n ** 6n, dollars, tokens);
    const issued = computeTopUp(
      { amount: 1_000n * 10n ** 6n, price: DEV_DOLLAR_PRICE },
      { amount: burned, price: DEV_TOKEN_PRICE },
    );
    expect(await payer.client.paymentBalanceOf(payer.address)).toBe(issued);
    const held = await governor.creditSupply();
    expect(held).toEqual({ credits: before.credits + issued, backing: before.backing + burned });

    await payer.client.deposit(900n * unit);
    await payer.client.admit(handler.address, 500n * unit);
    const head: Hex = `0x${'11'.repeat(32)}`;
    const call = await ledger.signBatch(
      {
        batch: {
          ...{ validator: handler.address, sequence: 1n, logHead: head, logLength: 1n, recordsRoot: head, replies: 1 },
        },
        debits: [await ledger.signDebit(payer.privateKey, handler.address, 100n * unit, 100n * unit)],
        lines: [{ providerId, payee: provider.address, router: `0x${'00'.repeat(20)}`, gross: 100n * unit }],
        ejections: [],
        tallies: [],
      },
      validators.map(({ privateKey }) => privateKey),
    );
    await handler.client.settle(call);
    const { blockNumber } = await provider.client.withdrawEarnings(providerId, provider.address);
    const epoch = (await now(blockNumber)) / MINT_EPOCH_S;
    const part = computeBackingPart(held.backing, held.credits, 80n * unit);
    const toGovernance = computeGovernancePart(80n * unit);
    expect(await governor.mintDollarsOf(epoch, provider.address)).toBe(80n * unit - toGovernance);
    expect(await governor.mintDollarsOf(epoch, ledger.treasury)).toBe(toGovernance);
    const supply = await governor.mintedSupply();
    expect(await governor.mintEpoch(epoch)).toEqual({
      ...{ dollars: 80n * unit, burned: part, minted: 0n, isClosed: false, supply },
    });
    await expect(governor.closeMintEpoch(epoch)).rejects.toMatchObject({ revert: { name: 'NotOver' } });

    await pass(Number(MINT_EPOCH_S));
    await postAll();
    await governor.closeMintEpoch(epoch);
    const work = { dollars: 80n * unit, burned: part, price: DEV_TOKEN_PRICE, supply, recentBurn: 0n };
    const minted = computeBoundedMint(work, SETTINGS);
    expect((await governor.mintEpoch(epoch)).minted).toBe(minted);
    const claimed = computeMintClaim(minted, 80n * unit - toGovernance, 80n * unit);
    const pool = await reserves();
    await provider.client.claimMint(epoch);
    const paid = computePoolOut(claimed, pool[0], pool[1]);
    expect(paid >= computeLeastSale(claimed, DEV_TOKEN_PRICE, DEV_DOLLAR_PRICE)).toBe(true);
    expect(await governor.stableBalanceOf(provider.address)).toBe(paid);
    await expect(provider.client.claimMint(epoch)).rejects.toMatchObject({ revert: { name: 'NothingToClaim' } });
  });

  it('averages prices as the protocol does', async () => {
    const asset = computeAddress(generatePrivateKey());
    const changes: PriceChange[] = [];
    for (const [price, wait] of [
      [1_000_003n, 1_700],
      [1_100_000n, 3_000],
      [990_001n, 2_900],
      [1_000_000n, 4_321],
    ] as const) {
      await postDevPrice(ledger.governor, feedKeys, { asset, price });
      const { client } = ledger.governor.transactor;
      const posted = await client.getContractEvents({
        ...{ address: contracts.oracle, abi: priceOracleAbi, eventName: 'Priced', args: { asset }, fromBlock: 0n },
      });
      const time = await now(posted.at(-1)?.blockNumber);
      changes.push({ time, price });
      await pass(wait);
      const block = await client.getBlock();
      const [spot, average] = await client.readContract({
        ...{ address: contracts.oracle, abi: priceOracleAbi, functionName: 'pricesOf', args: [asset] },
        blockNumber: block.number,
      });
      expect(spot).toBe(price);
      expect(average).toBe(computeAveragePrice(changes, block.timestamp, 7_200n));
    }
  });

  it('reports that a network that pays in tokens has none of this', () => {
    const { burnAndMint: _, ...deployment } = ledger.deployment;
    expect(() => createMintReads(ledger.governor.transactor, deployment).stableBalanceOf(ledger.treasury)).toThrow(
      'credits',
    );
  });
});

describe('the contracts compute as the protocol does', () => {
  type Call = { readonly address: Address; readonly abi: readonly unknown[]; readonly functionName: string };
  const read = (call: Call, args: readonly unknown[]): Promise<bigint> =>
    ledger.governor.transactor.client.readContract({ ...call, args } as never) as Promise<bigint>;
  const of = (address: Address, abi: readonly unknown[], functionName: string): Call => ({
    address,
    abi,
    functionName,
  });
  const calls = () => ({
    median: of(contracts.oracle, priceOracleAbi, 'medianOf'),
    part: of(contracts.credits, creditsAbi, 'partOf'),
    mint: of(contracts.rule, boundedMintAbi, 'mintOf'),
    carried: of(contracts.rule, boundedMintAbi, 'carriedAt'),
    pool: of(contracts.exchange, constantProductPoolAbi, 'outOf'),
    sale: of(contracts.payouts, payoutsAbi, 'leastOf'),
    dollars: of(contracts.mintBurn, mintBurnAbi, 'dollarsFor'),
  });

  it('in the vectors', async () => {
    const call = calls();
    for (const { prices, median } of vectors.medians) {
      expect(`${await read(call.median, [prices.map(BigInt)])}`).toBe(median);
    }
    for (const { backing, supply, amount, part } of vectors.parts) {
      expect(`${await read(call.part, [backing, supply, amount].map(BigInt))}`).toBe(part);
    }
    for (const { bounded, document: _, carried, ...work } of vectors.mints) {
      const input = Object.fromEntries(Object.entries(work).map(([name, value]) => [name, BigInt(value as string)]));
      expect(`${await read(call.mint, [input])}`).toBe(bounded);
      expect(`${await read(call.carried, [BigInt(work.supply)])}`).toBe(carried);
    }
    for (const { amount, reserveIn, reserveOut, out } of vectors.pools) {
      expect(`${await read(call.pool, [amount, reserveIn, reserveOut].map(BigInt))}`).toBe(out);
    }
    for (const { amount, price, stablePrice, least } of vectors.sales) {
      expect(`${await read(call.sale, [amount, price, stablePrice].map(BigInt))}`).toBe(least);
    }
  });

  it(`in ${CASES} random cases`, async () => {
    const call = calls();
    const random = createSeededRandom(0xb0b0);
    const word = (): number => Math.floor(random() * 2 ** 32);
    const below = (bits: number): bigint => {
      let value = 0n;
      for (let i = 0; i < 128; i += 32) value = (value << 32n) | BigInt(word());
      return value >> BigInt(128 - bits);
    };
    const any = (): bigint => below(1 + (word() % 100));
    for (let done = 0; done < CASES; done += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const work = { dollars: any(), burned: any(), price: any() + 1n, supply: any(), recentBurn: any() };
          const prices = Array.from({ length: 1 + (word() % 9) }, any).sort((a, b) => (a < b ? -1 : 1));
          const [a, b, c] = [any(), any() + 1n, any() + 1n];
          expect(await read(call.mint, [work])).toBe(computeBoundedMint(work, SETTINGS));
          expect(await read(call.carried, [work.supply])).toBe(computeCarriedBurn(work.supply, SETTINGS));
          expect(await read(call.median, [prices])).toBe(computeMedianPrice(prices));
          expect(await read(call.part, [a, b, c])).toBe(computeBackingPart(a, b, c));
          expect(await read(call.pool, [a, b, c])).toBe(computePoolOut(a, b, c));
          expect(await read(call.sale, [a, b, c])).toBe(computeLeastSale(a, b, c));
        }),
      );
    }
  }, 600_000);
});
