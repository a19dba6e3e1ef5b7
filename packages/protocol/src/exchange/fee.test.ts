import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/fee.json' with { type: 'json' };
import { ProtocolError, utf8Encode } from '../base/bytes.ts';
import { computePromptBound, parseRequest } from '../modality/text/request/request.ts';
import { boundTextTokens } from '../modality/text/request/request-bound.ts';
import {
  assertFeeFloor,
  computeAbandonmentFine,
  computeContextBound,
  computeFeeFloor,
  computeMaxFee,
  computeReplyFee,
  type FeeShares,
  splitFee,
  splitVerification,
} from './fee.ts';

const SHARES: FeeShares = {
  ...{ routerBps: 100, validatorBps: 150, verificationBps: 50, treasuryBps: 100, licenseBps: 2, recycleBps: 0 },
};

const ORDER = { pricePer1kAtomic: 3n, maxFeeAtomic: 1_000n };
const REPLY = { promptTokenCount: 5, outputTokenCount: 1000 };
const BOUND = 16 + 64 + 64;
const MESSAGES = [{ role: 'user', content: 'Once upon a time' }];
const REQUEST = {
  promptTokens: computePromptBound({ prompt: undefined, messages: MESSAGES, tools: [] }),
  outputTokens: 2000,
};

const anyShares = fc
  .record({
    routerBps: fc.nat(399),
    validatorBps: fc.nat(399),
    verificationBps: fc.nat(399),
    treasuryBps: fc.nat(399),
    licenseBps: fc.nat(2),
    recycleBps: fc.nat(399),
  })
  .map((shares): FeeShares => shares);

describe('the floor of a fee', () => {
  const floor = computeFeeFloor({ chainId: 1n });
  const check = (chainId: bigint, maxFeeAtomic: bigint, pricePer1kAtomic = 1n) =>
    assertFeeFloor({ chainId }, { maxFeeAtomic, pricePer1kAtomic });

  it('is the least maximum of an order with a price', () => {
    expect(floor).toBeGreaterThan(0n);
    check(1n, floor);
    expect(() => check(1n, floor - 1n)).toThrow(expect.objectContaining({ code: 'floor' }));
    expect(() => check(1n, 0n)).toThrow(`offers ${floor} at least`);
    expect(() => check(1n, floor, 0n)).toThrow('has a price');
  });

  it('is zero on a development chain', () => {
    check(31_337n, 0n, 0n);
  });
});

describe('fee', () => {
  it('rounds up', () => {
    const fee = (promptTokenCount: number, outputTokenCount: number) =>
      computeReplyFee(ORDER, REQUEST, { promptTokenCount, outputTokenCount });
    expect(fee(1, 0)).toBe(1n);
    expect(fee(1, 999)).toBe(3n);
    expect(fee(1, 1000)).toBe(4n);
    expect(fee(0, 0)).toBe(0n);
  });

  it.each<[string, Partial<typeof ORDER>, Partial<typeof REPLY>]>([
    ['prompt', {}, { promptTokenCount: BOUND + 1 }],
    ['output', {}, { outputTokenCount: 2001 }],
    ['maximum', { maxFeeAtomic: 2n }, {}],
  ])('refuses a reply beyond its bound: %s', (code, order, reply) => {
    expect(computeReplyFee(ORDER, REQUEST, { ...REPLY, promptTokenCount: BOUND })).toBeGreaterThan(0n);
    expect(() => computeReplyFee({ ...ORDER, ...order }, REQUEST, { ...REPLY, ...reply })).toThrow(
      expect.objectContaining({ name: 'FeeError', code }),
    );
  });

  it('is never above the maximum that its request needs', () => {
    const largest = { promptTokenCount: BOUND, outputTokenCount: 2000 };
    const maxFeeAtomic = computeMaxFee(REQUEST, 7n);
    expect(computeReplyFee({ pricePer1kAtomic: 7n, maxFeeAtomic }, REQUEST, largest)).toBe(maxFeeAtomic);
    expect(computeContextBound(REQUEST)).toBe(BOUND + 2000);
  });

  it('matches the vectors', () => {
    for (const { order, request, reply, ...expected } of vectors.fees) {
      const terms = {
        pricePer1kAtomic: BigInt(order.pricePer1kAtomic),
        maxFeeAtomic: BigInt(order.maxFeeAtomic),
      };
      const compute = () => computeReplyFee(terms, boundTextTokens(parseRequest(utf8Encode(request), 'chat')), reply);
      if (expected.refused !== undefined) expect(compute).toThrow(expect.objectContaining({ code: expected.refused }));
      else expect(compute()).toBe(BigInt(expected.feeAtomic as string));
    }
    for (const { grossAtomic, shares, split, ...asked } of vectors.splits) {
      const made = 'made' in asked && asked.made === true;
      const actual = Object.entries(splitFee(BigInt(grossAtomic), shares, { made })).map(([name, part]) => [
        name,
        `${part}`,
      ]);
      expect(Object.fromEntries(actual)).toEqual(split);
    }
  });

  it('splits conserve the gross to the unit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 120n }), anyShares, fc.nat(100), (gross, shares, percent) => {
        const fineAtomic = (gross * BigInt(percent)) / 100n;
        const parts = Object.values(splitFee(gross, shares, { fineAtomic })) as bigint[];
        expect(parts.every((part) => part >= 0n)).toBe(true);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(gross);
      }),
      { seed: 45 },
    );
  });

  it('shares the rest for verification to the unit, with nothing for verifiers without credit', () => {
    for (const { poolAtomic, credits, parts, rest } of vectors.verifications) {
      const split = splitVerification(BigInt(poolAtomic), credits);
      expect({ parts: split.parts.map(String), rest: split.rest.toString() }).toEqual({ parts, rest });
    }
    fc.assert(
      fc.property(fc.bigInt(0n, 1n << 120n), fc.array(fc.nat(4_294_967_295), { maxLength: 20 }), (pool, credits) => {
        const { parts, rest } = splitVerification(pool, credits);
        expect(parts.reduce((sum, part) => sum + part, rest)).toBe(pool);
        const most = credits.some((count) => count > 0) ? BigInt(credits.length) : pool + 1n;
        expect(rest >= 0n && rest < most).toBe(true);
        expect(parts.every((part, i) => credits[i] !== 0 || part === 0n)).toBe(true);
      }),
      { seed: 46 },
    );
  });

  it('leaves the router share with the provider if no router took part', () => {
    expect(splitFee(10_000n, SHARES)).toMatchObject({ router: 100n, provider: 9598n });
    expect(splitFee(10_000n, SHARES, { routed: false })).toMatchObject({ router: 0n, provider: 9698n });
  });

  it('gives the maker its share if the registry names one, and leaves it with the provider otherwise', () => {
    const shares = { ...SHARES, makerBps: 300 };
    expect(splitFee(10_000n, shares, { made: true })).toMatchObject({ maker: 300n, provider: 9_298n });
    expect(splitFee(10_000n, shares)).toMatchObject({ maker: 0n, provider: 9_598n });
    expect(splitFee(10_000n, shares, { made: true, fineAtomic: 5_000n })).toMatchObject({ maker: 150n });
    expect(splitFee(10_000n, SHARES, { made: true })).toMatchObject({ maker: 0n });
    expect(() => splitFee(1n, { ...SHARES, makerBps: 1_999 })).toThrow('shares sum to');
  });

  it('recycles a share without a recipient', () => {
    const shares = { ...SHARES, recycleBps: 100 };
    expect(splitFee(10_000n, shares)).toMatchObject({ recycle: 100n, provider: 9498n });
    expect(splitFee(10_000n, shares, { fineAtomic: 10_000n })).toMatchObject({ recycle: 0n });
  });

  it('gives the whole fine to the verification pool, and shares the rest', () => {
    const split = splitFee(10_000n, SHARES, { fineAtomic: 4_000n });
    expect(split).toMatchObject({ router: 60n, verification: 4_030n, provider: 5_759n });
    expect(splitFee(10n, SHARES, { fineAtomic: 10n })).toMatchObject({ verification: 10n, provider: 0n });
    for (const fineAtomic of [-1n, 11n]) {
      expect(() => splitFee(10n, SHARES, { fineAtomic })).toThrow(ProtocolError);
    }
  });

  it('fines a hundredth of the maximum fee of an abandoned order, rounded down', () => {
    expect([0n, 99n, 100n, 12_345n].map((maxFeeAtomic) => computeAbandonmentFine({ maxFeeAtomic }))).toEqual([
      ...[0n, 0n, 1n, 123n],
    ]);
  });

  it('gives the provider the rounding residual', () => {
    expect(splitFee(9n, SHARES)).toMatchObject({ provider: 9n, router: 0n, license: 0n });
  });

  it('refuses impossible quantities and shares', () => {
    for (const reply of [{ promptTokenCount: -1 }, { outputTokenCount: 0.5 }]) {
      expect(() => computeReplyFee(ORDER, REQUEST, { ...REPLY, ...reply })).toThrow(ProtocolError);
    }
    for (const order of [{ pricePer1kAtomic: -1n }, { maxFeeAtomic: -1n }]) {
      expect(() => computeReplyFee({ ...ORDER, ...order }, REQUEST, REPLY)).toThrow(ProtocolError);
    }
    for (const wrong of [{ routerBps: 1699 }, { treasuryBps: -1 }, { validatorBps: 1.5 }]) {
      expect(() => splitFee(1n, { ...SHARES, ...wrong })).toThrow(ProtocolError);
    }
    expect(() => splitFee(-1n, SHARES)).toThrow(ProtocolError);
  });
});
