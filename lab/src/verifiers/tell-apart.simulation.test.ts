import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { chooseSeed } from '../bad-days/random.ts';
import { computeAuc, measureAuc } from './classify.ts';
import { measureTells } from './tell-apart.ts';
import { renderTellTable } from './verifier-tables.ts';

const seed = chooseSeed(1);
const IS_LONG = process.env.OGONG_LONG === '1';

describe('the classifier', () => {
  it('finds a difference if there is one, and otherwise nothing', () => {
    const random = createSeededRandom(seed);
    const make = (shift: number, kink: number) =>
      Array.from({ length: 240 }, (_, i) => {
        const isPositive = i % 2 === 0;
        const noise = random() * 2 - 1;
        const bent = isPositive && kink > 0 ? Math.sign(noise) * (1 - Math.abs(noise) / 4) : noise;
        return { features: [random(), bent + (isPositive ? shift : 0), 7], isPositive };
      });
    expect(measureAuc(make(1.5, 0), make(1.5, 0), seed).low).toBeGreaterThan(0.85);
    expect(measureAuc(make(0, 1), make(0, 1), seed).low).toBeGreaterThan(0.6);
    const { low, high } = measureAuc(make(0, 0), make(0, 0), seed);
    expect(low < 0.5 && high > 0.5).toBe(true);
  });

  it('counts ties half', () => {
    const of = (score: number, isPositive: boolean) => ({ score, isPositive });
    expect(computeAuc([of(1, true), of(1, false)])).toBe(0.5);
    expect(computeAuc([of(2, true), of(1, false), of(1, false)])).toBe(1);
    expect(computeAuc([of(0, true), of(1, false)])).toBe(0);
  });
});

describe.runIf(IS_LONG)('a verifier that looks at a job (only with OGONG_LONG=1)', () => {
  it('cannot tell a honeypot alone, and no provider can when it serves', async () => {
    const rows = await measureTells({ seed, epochs: 4, replies: 40 });
    expect(rows.length).toBe(4);
    for (const row of [rows[0], rows[3]]) {
      expect(row!.positives).toBeGreaterThan(10);
      // The spread that chance gives in a sample of this size. When the phase in the epoch leaked, it alone gave 0.63.
      expect([row!.view, row!.auc.low < 0.55 && row!.auc.high > 0.45]).toEqual([row!.view, true]);
    }
    // They are made of audited replies alone: validators have no other texts.
    for (const row of rows.slice(0, 3)) expect(row!.repeated).toBe(row!.positives);
    expect(rows[3]!.repeated).toBe(0);
    expect(renderTellTable(rows).split('\n').length).toBe(rows.length + 2);
  }, 600_000);

  it('can together with all others, because honeypots repeat requests of audits', async () => {
    // Of 320 replies about 32 go to two verifiers, and only those make honeypots here: 50 or more. With half of them the
    // interval is too wide to say anything.
    const [, , all] = await measureTells({ seed, epochs: 4, replies: 40, alphaPpm: 1_000_000 });
    expect(all!.view).toBe('all five verifiers together');
    expect(all!.positives).toBeGreaterThan(25);
    expect(all!.repeated).toBe(all!.positives);
    expect(all!.auc.low).toBeGreaterThan(0.55);
  }, 600_000);
});
