import { readFileSync } from 'node:fs';
import { launchCurveAbi, ogongTokenAbi } from '@ogong/chain/generated/abi';
import type { Address } from '@ogong/chain/hex';
import { createLaunchReads } from '@ogong/chain/money/launch-curve';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  computeLaunchAmount,
  computeLaunchPayment,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
} from '@ogong/protocol/settlement/launch-curve';
import { numberToHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../protocol/vectors/launch.json', import.meta.url), 'utf8'));
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 300;
const SEED = 0x1a0c;
let ledger: TestLedger;
let curve: Address;

beforeAll(async () => {
  ledger = await startTestLedger({ launchReserve: BigInt(vectors.virtualReserve), blockTimeMs: 20 });
  curve = ledger.deployment.launch as Address;
});
afterAll(() => ledger.stop());

describe('the launch curve on a chain', () => {
  it('follows the vectors', async () => {
    const { client, address } = await ledger.createMember();
    await ledger.giveDollars(address, 10n ** 18n);
    const { asset, symbol, decimals, time } = await client.launchState();
    expect({ symbol, decimals }).toEqual({ symbol: 'dUSD', decimals: 6 });
    for (const { deed, payment, amount, after } of vectors.life) {
      const [given, least] = deed === 'buy' ? [payment, amount] : [amount, payment];
      const order = { given: BigInt(given), deadline: time + 3_600n };
      const act = (terms: typeof order & { readonly least: bigint }) =>
        deed === 'buy' ? client.buyAtLaunch(asset, terms) : client.sellAtLaunch(terms);
      await expect(act({ ...order, least: BigInt(least) + 1n })).rejects.toMatchObject({
        revert: { name: 'TooLittle' },
      });
      await act({ ...order, least: BigInt(least) });
      const { virtualReserve, reserve, left } = await client.launchState();
      expect({ virtualReserve: `${virtualReserve}`, reserve: `${reserve}`, left: `${left}` }).toEqual(after);
      expect(await client.assetBalanceOf(asset, curve)).toBe(reserve);
      expect(await client.balanceOf(curve)).toBe(left);
    }
    const supply = await client.supply();
    expect(supply.launch).toBe((await client.launchState()).left);
    // Nobody votes with the tokens of the curve.
    const votes = { address: ledger.deployment.token, abi: ogongTokenAbi, functionName: 'getVotes' } as const;
    expect(await client.transactor.client.readContract({ ...votes, args: [curve] })).toBe(0n);
    await expect(client.buyAtLaunch(asset, { given: 10n ** 9n, least: 0n, deadline: time - 1n })).rejects.toMatchObject(
      { revert: { name: 'Expired' } },
    );
  });

  it('is refused where it sells another token', async () => {
    const { transactor } = ledger.governor;
    const other = createLaunchReads(transactor, { ...ledger.deployment, token: ledger.deployment.staking });
    await expect(other.launchState()).rejects.toThrow('is another one');
    const none = createLaunchReads(transactor, { token: ledger.deployment.token });
    await expect(none.launchState()).rejects.toThrow('no launch curve');
  });

  it(`computes as the protocol does in ${CASES} random cases (seed ${SEED})`, async () => {
    const random = createSeededRandom(SEED);
    const word = (): bigint => BigInt(Math.floor(random() * 2 ** 32));
    const below = (most: bigint): bigint => ((word() << 96n) | (word() << 64n) | (word() << 32n) | word()) % most;
    const sized = (bits: number): bigint => below(2n ** BigInt(1 + Math.floor(random() * bits))) + 1n;
    const { client } = ledger.governor.transactor;
    const read = (at: LaunchState, functionName: 'amountFor' | 'paymentFor', value: bigint) =>
      client.readContract({
        ...{ address: curve, abi: launchCurveAbi, functionName, args: [value] },
        // The contract's first two storage words: the remaining tokens and the reserve.
        stateOverride: [
          {
            address: curve,
            stateDiff: [at.left, at.reserve].map((one, slot) => ({
              slot: numberToHex(slot, { size: 32 }),
              value: numberToHex(one, { size: 32 }),
            })),
          },
        ],
      });
    const virtualReserve = BigInt(vectors.virtualReserve);
    let unlike = 0;
    for (let done = 0; done < CASES; done += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const left = LAUNCH_TRANCHE_ATOMIC - (sized(86) % LAUNCH_TRANCHE_ATOMIC);
          const at = { virtualReserve, reserve: sized(120) - 1n, left };
          const [payment, amount] = [sized(120), below(LAUNCH_TRANCHE_ATOMIC - left + 1n)];
          const bought = computeLaunchAmount(at, payment);
          const paid = computeLaunchPayment(at, amount);
          expect(await read(at, 'amountFor', payment)).toBe(bought);
          expect(await read(at, 'paymentFor', amount)).toBe(paid);
          if (bought > 0n && paid > 0n) unlike++;
        }),
      );
    }
    expect(unlike).toBeGreaterThan(CASES / 4);
  }, 600_000);
});
