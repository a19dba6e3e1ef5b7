import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/fee.json' with { type: 'json' };
import { ProtocolError } from '../base/bytes.ts';
import { computeFee, type FeeShares, splitFee } from './fee.ts';

const SHARES: FeeShares = { routerBps: 100, validatorBps: 150, verificationBps: 50, treasuryBps: 100, licenseBps: 2 };

const anyShares = fc
  .record({
    routerBps: fc.nat(499),
    validatorBps: fc.nat(499),
    verificationBps: fc.nat(499),
    treasuryBps: fc.nat(499),
    licenseBps: fc.nat(2),
  })
  .map((shares): FeeShares => shares);

describe('fee', () => {
  it("rounds up and stops at the order's maximum", () => {
    const usage = { pricePer1kAtomic: 3n, promptTokens: 1, outputTokens: 0, maxFeeAtomic: 10n };
    expect(computeFee(usage)).toBe(1n);
    expect(computeFee({ ...usage, outputTokens: 999 })).toBe(3n);
    expect(computeFee({ ...usage, outputTokens: 1000 })).toBe(4n);
    expect(computeFee({ ...usage, outputTokens: 1_000_000 })).toBe(10n);
    expect(computeFee({ ...usage, promptTokens: 0 })).toBe(0n);
  });

  it('matches the vectors', () => {
    for (const { usage, feeAtomic } of vectors.fees) {
      const { pricePer1kAtomic, promptTokens, outputTokens, maxFeeAtomic } = usage;
      expect(
        computeFee({
          pricePer1kAtomic: BigInt(pricePer1kAtomic),
          promptTokens,
          outputTokens,
          maxFeeAtomic: BigInt(maxFeeAtomic),
        }),
      ).toBe(BigInt(feeAtomic));
    }
    for (const { grossAtomic, shares, split } of vectors.splits) {
      const actual = Object.entries(splitFee(BigInt(grossAtomic), shares)).map(([name, part]) => [name, `${part}`]);
      expect(Object.fromEntries(actual)).toEqual(split);
    }
  });

  it('splits conserve the gross to the unit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 120n }), anyShares, (gross, shares) => {
        const parts = Object.values(splitFee(gross, shares)) as bigint[];
        expect(parts.every((part) => part >= 0n)).toBe(true);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(gross);
      }),
      { seed: 45 },
    );
  });

  it('leaves the share of no router with the provider', () => {
    expect(splitFee(10_000n, SHARES)).toMatchObject({ router: 100n, provider: 9598n });
    expect(splitFee(10_000n, SHARES, { routed: false })).toMatchObject({ router: 0n, provider: 9698n });
  });

  it('gives the provider the rounding residual', () => {
    expect(splitFee(9n, SHARES)).toMatchObject({ provider: 9n, router: 0n, license: 0n });
  });

  it('refuses impossible quantities and shares', () => {
    const usage = { pricePer1kAtomic: 1n, promptTokens: 1, outputTokens: 1, maxFeeAtomic: 1n };
    for (const wrong of [
      { promptTokens: -1 },
      { outputTokens: 0.5 },
      { pricePer1kAtomic: -1n },
      { maxFeeAtomic: -1n },
    ]) {
      expect(() => computeFee({ ...usage, ...wrong })).toThrow(ProtocolError);
    }
    for (const wrong of [{ routerBps: 1699 }, { treasuryBps: -1 }, { validatorBps: 1.5 }]) {
      expect(() => splitFee(1n, { ...SHARES, ...wrong })).toThrow(ProtocolError);
    }
    expect(() => splitFee(-1n, SHARES)).toThrow(ProtocolError);
  });
});
