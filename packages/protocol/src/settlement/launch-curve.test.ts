import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/launch.json' with { type: 'json' };
import {
  buyFromLaunch,
  computeLaunchAmount,
  computeLaunchCost,
  computeLaunchPayment,
  computeLaunchPrice,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
  sellToLaunch,
} from './launch-curve.ts';

const read = (at: (typeof vectors.quotes)[number]['at']): LaunchState => ({
  ...{ virtualReserve: BigInt(at.virtualReserve), reserve: BigInt(at.reserve), left: BigInt(at.left) },
});
const begin = (virtualReserve: bigint): LaunchState => ({ virtualReserve, reserve: 0n, left: LAUNCH_TRANCHE_ATOMIC });
/** Amounts of every size, evenly distributed. */
const sized = fc
  .tuple(fc.bigInt(1n, 2n ** 110n), fc.integer({ min: 0, max: 109 }))
  .map(([value, bits]) => (value >> BigInt(bits)) + 1n);
const stood = fc
  .tuple(sized, fc.array(sized, { maxLength: 3 }))
  .map(([virtualReserve, payments]) => payments.reduce(buyFromLaunch, begin(virtualReserve)));

describe('the launch curve', () => {
  it('computes as in the vectors', () => {
    expect(`${LAUNCH_TRANCHE_ATOMIC}`).toBe(vectors.tranche);
    let state = begin(BigInt(vectors.virtualReserve));
    for (const { deed, payment, amount, after } of vectors.life) {
      if (deed === 'buy') {
        expect(`${computeLaunchAmount(state, BigInt(payment))}`).toBe(amount);
        state = buyFromLaunch(state, BigInt(payment));
      } else {
        expect(`${computeLaunchPayment(state, BigInt(amount))}`).toBe(payment);
        state = sellToLaunch(state, BigInt(amount));
      }
      expect(state).toEqual(read(after));
    }
    for (const { at, price, buys, costs, sales } of vectors.quotes) {
      const quoted = read(at);
      expect(`${computeLaunchPrice(quoted)}`).toBe(price);
      for (const { payment, amount } of buys) expect(`${computeLaunchAmount(quoted, BigInt(payment))}`).toBe(amount);
      for (const { payment, amount } of costs) expect(`${computeLaunchCost(quoted, BigInt(amount))}`).toBe(payment);
      for (const { payment, amount } of sales) expect(`${computeLaunchPayment(quoted, BigInt(amount))}`).toBe(payment);
    }
  });

  it('asks for the smallest payment that buys an amount', () => {
    fc.assert(
      fc.property(stood, sized, (state, wanted) => {
        fc.pre(state.left > 1n);
        const amount = (wanted % (state.left - 1n)) + 1n;
        const cost = computeLaunchCost(state, amount);
        expect(computeLaunchAmount(state, cost) >= amount).toBe(true);
        expect(computeLaunchAmount(state, cost - 1n) < amount).toBe(true);
      }),
    );
  });

  it('gives nobody more than it received, and never lowers the product', () => {
    fc.assert(
      fc.property(stood, sized, (state, payment) => {
        const amount = computeLaunchAmount(state, payment);
        const bought = buyFromLaunch(state, payment);
        const sold = sellToLaunch(bought, amount);
        expect(computeLaunchPayment(bought, amount) <= payment).toBe(true);
        const product = ({ virtualReserve, reserve, left }: LaunchState) => (virtualReserve + reserve) * left;
        expect(product(bought) >= product(state) && product(sold) >= product(bought)).toBe(true);
        expect(product(state) >= state.virtualReserve * LAUNCH_TRANCHE_ATOMIC).toBe(true);
        expect(bought.left > 0n && sold.reserve >= state.reserve).toBe(true);
        expect(computeLaunchPrice(bought) >= computeLaunchPrice(state)).toBe(true);
      }),
    );
  });

  it('never sells all remaining tokens, and buys back no more than it sold', () => {
    const state = begin(10n ** 12n);
    expect(() => computeLaunchCost(state, LAUNCH_TRANCHE_ATOMIC)).toThrow('sells fewer than that');
    expect(() => computeLaunchPayment(state, 1n)).toThrow('has sold 0');
    const bought = buyFromLaunch(state, 5n);
    const sold = LAUNCH_TRANCHE_ATOMIC - bought.left;
    expect(computeLaunchPayment(bought, sold) <= 5n).toBe(true);
    expect(() => computeLaunchPayment(bought, sold + 1n)).toThrow('buys back no more');
  });
});
