import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/audit.json' with { type: 'json' };
import { computeDecidingEpoch, findDecidingEpoch } from './deciding-epoch.ts';

const epoch = fc.bigInt({ min: 0n, max: 1n << 40n });

describe('the deciding epoch', () => {
  it('is the same for all replies in time', () => {
    for (const intakeEpoch of [8n, 10n, 11n, 12n])
      expect(computeDecidingEpoch({ orderEpoch: 10n, intakeEpoch })).toEqual({ epoch: 14n, isLate: false });
    expect(computeDecidingEpoch({ orderEpoch: 10n, intakeEpoch: 13n })).toEqual({ epoch: 26n, isLate: true });
  });

  it('comes at least two epochs after the intake, and follows from the order alone', () => {
    fc.assert(
      fc.property(epoch, fc.bigInt({ min: 0n, max: 5_000n }), (orderEpoch, waited) => {
        const intakeEpoch = orderEpoch + waited;
        const decides = computeDecidingEpoch({ orderEpoch, intakeEpoch });
        expect(decides.epoch - intakeEpoch >= 2n).toBe(true);
        expect(decides.epoch - orderEpoch <= 4n * (waited + 2n)).toBe(true);
        expect(findDecidingEpoch(orderEpoch, decides.epoch)).toEqual(decides);
      }),
      { seed: 71 },
    );
  });

  it('leaves few choices, and only the first can skip a reply', () => {
    const all = Array.from({ length: 1_100 }, (_, i) => findDecidingEpoch(100n, BigInt(i))).filter(
      (decides) => decides !== undefined,
    );
    expect(all).toEqual([4n, 16n, 64n, 256n].map((step, i) => ({ epoch: 100n + step, isLate: i > 0 })));
  });

  it('matches the vectors', () => {
    for (const { orderEpoch, intakeEpoch, epoch: decides, isLate } of vectors.deciding) {
      const given = { orderEpoch: BigInt(orderEpoch), intakeEpoch: BigInt(intakeEpoch) };
      expect(computeDecidingEpoch(given)).toEqual({ epoch: BigInt(decides), isLate });
    }
  });
});
