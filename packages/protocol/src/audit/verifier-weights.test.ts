import { createWidthTable, type Width } from '@ogong/testing/synthetic/synthetic-widths';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeWilsonInterval } from '../statistics/statistics.ts';
import { assignVerifier } from './audit.ts';
import { computeClassWeights } from './verifier-weights.ts';

const SEED = 71;
const modelRoot = new Uint8Array(32).fill(1);
const otherModel = new Uint8Array(32).fill(2);
const width = (providerClass: string, verifierClass: string, median: number, band = 3): Width => ({
  ...{ modelRoot, providerClass, verifierClass, band },
  median,
});
const classes = (...names: string[]) => names;
const EXACT = 'a/b/c/exact/d/e';
const reply = { modelRoot, providerClass: 'p', positions: 100, context: 120 };

describe('weights of verifiers', () => {
  it('favour the class that sees the declared one most sharply, and those near it', () => {
    const table = createWidthTable([
      width('p', 'a', -5),
      width('p', 'b', -4.4),
      width('p', 'c', -3.7),
      width('p', 'd', -3),
    ]);
    expect(computeClassWeights(table, reply, classes('d', 'c', 'b', 'a', 'a'))).toEqual([1n, 2n, 4n, 4n, 4n]);
    // Only candidates that are present count.
    expect(computeClassWeights(table, reply, classes('d', 'c'))).toEqual([2n, 4n]);
    expect(computeClassWeights(table, reply, [])).toEqual([]);
  });

  it('rank equality above any score, if the class is exact by its name and was measured', () => {
    const table = createWidthTable([width(EXACT, 'a', -9), width('p', 'a', -5)]);
    const of = (providerClass: string, ...names: string[]) =>
      computeClassWeights(table, { ...reply, providerClass }, classes(...names));
    expect(of(EXACT, 'a', EXACT)).toEqual([1n, 4n]);
    expect(of(`${EXACT}/lanes`, 'a', EXACT, `${EXACT}/lanes`)).toEqual([1n, 1n, 4n]);
    expect(of(EXACT, 'a', `${EXACT}/lanes`)).toEqual([1n, 4n]);
    expect(of('p', 'a', 'p')).toEqual([4n, 1n]);
    // A cheat that invents a class, together with its friends.
    expect(of('x/y/z/exact/d/e', 'a', 'x/y/z/exact/d/e')).toEqual([1n, 1n]);
    // A class that was measured against itself has no equality.
    const own = createWidthTable([width(EXACT, 'a', -5), width(EXACT, EXACT, -3)]);
    const exact = { ...reply, providerClass: EXACT };
    expect(computeClassWeights(own, exact, classes('a', EXACT))).toEqual([4n, 1n]);
    expect(computeClassWeights(own, { ...exact, positions: 300 }, classes('a', EXACT))).toEqual([1n, 1n]);
  });

  it('use the family of a class', () => {
    const families = [{ numericClass: 'p', family: 'family' }];
    const table = createWidthTable([width('family', 'a', -5), width('family', 'b', -2)], families);
    expect(computeClassWeights(table, reply, classes('a', 'b'))).toEqual([4n, 1n]);
  });

  it('are equal if the table has no row: other lengths, other models, unknown classes', () => {
    const table = createWidthTable([width('p', 'a', -5), width('p', 'b', -2)]);
    const even = [1n, 1n];
    expect(computeClassWeights(table, { ...reply, positions: 200 }, classes('a', 'b'))).toEqual(even);
    expect(computeClassWeights(table, { ...reply, providerClass: 'z' }, classes('a', 'b'))).toEqual(even);
    expect(computeClassWeights(table, { ...reply, modelRoot: otherModel }, classes('a', 'b'))).toEqual(even);
    // An exact class that was measured only on another model.
    expect(computeClassWeights(table, { ...reply, modelRoot: otherModel }, classes('a', 'p'))).toEqual(even);
    expect(computeClassWeights(createWidthTable([]), reply, classes('a', 'p'))).toEqual(even);
  });

  it('give every verifier between a quarter of and four times an even chance', () => {
    const names = ['p', 'q', 'r', 's', 't'];
    const name = fc.constantFrom(...names);
    const median = fc.double({ min: -14, max: 4, noNaN: true });
    const row = fc.tuple(name, name, median, fc.integer({ min: 2, max: 4 }));
    const list = fc.array(fc.constantFrom(...names, 'unknown'), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), list, name, (rows, asked, providerClass) => {
        const table = createWidthTable(rows.map(([a, b, value, band]) => width(a, b, value, band)));
        const weights = computeClassWeights(table, { ...reply, providerClass }, asked).map(Number);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (const weight of weights) {
          expect(weight / sum).toBeGreaterThanOrEqual(1 / (4 * weights.length));
          expect(weight / sum).toBeLessThanOrEqual(4 / (weights.length + 3));
        }
        const reversed = computeClassWeights(table, { ...reply, providerClass }, [...asked].reverse()).map(Number);
        expect(reversed).toEqual([...weights].reverse());
      }),
      { seed: SEED },
    );
  });

  it('are the probabilities in the draw', () => {
    const table = createWidthTable([width('p', 'a', -5), width('p', 'b', -3.7), width('p', 'c', -2)]);
    const listed = classes('a', 'b', 'c', 'c', 'unknown');
    const weights = computeClassWeights(table, reply, listed);
    const id = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
    const candidates = weights.map((weight, i) => ({
      ...{ providerId: id(`verifier ${i}`), payee: id(`payee ${i}`).slice(0, 20), modelRoot },
      weight,
    }));
    const count = 2000;
    const drawn = Array.from({ length: count }, (_, i) => {
      const draw = { replyId: id(`${i}`).slice(0, 16), orderEpoch: 1n, beaconEpoch: 5n, beacon: id('beacon') };
      const server = { providerId: id('server'), payee: new Uint8Array(20) };
      const found = assignVerifier(crypto, { draw, modelRoot, server, candidates, tried: [] });
      return candidates.indexOf(found as (typeof candidates)[0]);
    });
    weights.forEach((weight, i) => {
      const { low, high } = computeWilsonInterval(drawn.filter((one) => one === i).length, count, 4);
      const share = Number(weight) / 9;
      expect([i, low < share && share < high]).toEqual([i, true]);
    });
  });

  it('match the vectors', () => {
    const { families, rows, verifiers, cases } = vectors.weights;
    const withRoot = <T extends { modelRoot: string }>(each: T) => ({
      ...each,
      modelRoot: fromHex(each.modelRoot, 32),
    });
    const table = createWidthTable(rows.map(withRoot), families);
    for (const { factors, ...declared } of cases) {
      expect(computeClassWeights(table, withRoot(declared), verifiers).map(Number)).toEqual(factors);
    }
  });
});
