import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/emission.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  computeEmissionBudget,
  computeEmissionProof,
  computeEmissionRoot,
  computeScheduled,
  EMISSION_HALVING_S,
  EMISSION_TRANCHE_ATOMIC,
  hashAllotment,
  MAX_LAMBDA_PPM,
  verifyEmissionProof,
} from './emission.ts';
import { type RecycledBatch, tallyEmission } from './emission-tally.ts';

const TRANCHE = EMISSION_TRANCHE_ATOMIC;
const account = fc.uint8Array({ minLength: 20, maxLength: 20 });
const batches: fc.Arbitrary<RecycledBatch[]> = fc.array(
  fc.record({
    validator: account,
    lines: fc.array(
      fc.record({
        providerId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        payee: account,
        router: fc.oneof(account, fc.constant(new Uint8Array(20))),
        recycledAtomic: fc.bigInt(0n, 10n ** 24n),
      }),
      { maxLength: 4 },
    ),
    verifiers: fc.array(fc.record({ payee: account, credits: fc.nat(9) }), { maxLength: 3 }),
  }),
  { maxLength: 4 },
);
const sumOf = (list: readonly RecycledBatch[]) =>
  list.flatMap(({ lines }) => lines).reduce((sum, { recycledAtomic }) => sum + recycledAtomic, 0n);

describe('the schedule', () => {
  it('halves the rest every four years, and never gives all', () => {
    for (let halvings = 0n; halvings < 90n; halvings++) {
      expect(TRANCHE - computeScheduled(halvings * EMISSION_HALVING_S)).toBe(TRANCHE >> halvings);
    }
    expect(computeScheduled(EMISSION_HALVING_S / 2n)).toBe(TRANCHE / 4n);
    expect(() => computeScheduled(-1n)).toThrow('schedule');
  });

  it('rises', () => {
    const seconds = fc.bigInt(0n, 300n * EMISSION_HALVING_S);
    fc.assert(
      fc.property(seconds, seconds, (a, b) => {
        const [first, second] = a < b ? [a, b] : [b, a];
        expect(computeScheduled(first) <= computeScheduled(second)).toBe(true);
        expect(computeScheduled(second) <= TRANCHE).toBe(true);
      }),
    );
  });
});

describe('the wash bound', () => {
  it('gives an owner of every role less than it recycled, for any payment', () => {
    fc.assert(
      fc.property(batches, fc.bigInt(0n, MAX_LAMBDA_PPM), (list, lambdaPpm) => {
        const recycledAtomic = sumOf(list);
        const units = tallyEmission(list, () => false).reduce((sum, entry) => sum + entry.units, 0n);
        expect(units <= recycledAtomic).toBe(true);
        const budget = computeEmissionBudget({ recycledAtomic, units, leftAtomic: TRANCHE, lambdaPpm });
        expect(budget * 1_000_000n <= recycledAtomic * lambdaPpm).toBe(true);
        if (recycledAtomic > 0n) expect(budget < recycledAtomic).toBe(true);
      }),
    );
  });

  it('refuses more units than were recycled, and a lambda that would pay them back', () => {
    const input = { recycledAtomic: 10n, units: 10n, leftAtomic: TRANCHE, lambdaPpm: MAX_LAMBDA_PPM };
    expect(computeEmissionBudget(input)).toBe(9n);
    expect(() => computeEmissionBudget({ ...input, units: 11n })).toThrow('units');
    expect(() => computeEmissionBudget({ ...input, lambdaPpm: MAX_LAMBDA_PPM + 1n })).toThrow('lambda');
  });
});

describe('a tally', () => {
  const list: RecycledBatch[] = vectors.tally.batches.map(({ validator, lines, verifiers }) => ({
    validator: fromHex(validator),
    lines: lines.map((line) => ({
      ...{ providerId: fromHex(line.providerId), payee: fromHex(line.payee), router: fromHex(line.router) },
      recycledAtomic: BigInt(line.recycled),
    })),
    verifiers: verifiers.map(({ payee, credits }) => ({ payee: fromHex(payee), credits })),
  }));

  it('matches the vectors', () => {
    const isEjected = (id: Uint8Array) => vectors.tally.ejected.includes(toHex(id));
    const entries = tallyEmission(list, isEjected);
    expect(entries.map((entry) => [toHex(entry.account), `${entry.units}`])).toEqual(
      vectors.tally.entries.map((entry) => [entry.account, entry.units]),
    );
    expect(toHex(computeEmissionRoot(crypto, entries))).toBe(vectors.tally.root);
    // The ejected key's part goes to nobody: neither to its payee nor to others.
    const everybody = tallyEmission(list, () => false);
    expect(everybody.length).toBe(entries.length + 1);
    expect(everybody.filter(({ account }) => account[0] !== 9)).toEqual(entries);
  });

  it('proves each entry, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ account, units: fc.bigInt(0n, 2n ** 128n - 1n) }), { minLength: 1, maxLength: 20 }),
        (entries) => {
          const root = computeEmissionRoot(crypto, entries);
          entries.forEach((entry, i) => {
            const proof = computeEmissionProof(crypto, entries, i);
            expect(verifyEmissionProof(crypto, root, entry, proof)).toBe(true);
            const more = { ...entry, units: entry.units === 0n ? 1n : entry.units - 1n };
            expect(verifyEmissionProof(crypto, root, more, proof)).toBe(false);
            expect(verifyEmissionProof(crypto, root, entry, [...proof, root])).toBe(false);
          });
        },
      ),
      { numRuns: 20 },
    );
    expect(() => computeEmissionRoot(crypto, [])).toThrow('nobody');
  });
});

it('is signed as in the vector', () => {
  const { allotment } = vectors;
  const domain = { chainId: BigInt(allotment.chainId), verifyingContract: fromHex(allotment.emission) };
  const said = {
    ...{ number: allotment.number, until: BigInt(allotment.until) },
    ...{ root: fromHex(allotment.root), units: BigInt(allotment.units) },
  };
  expect(toHex(hashAllotment(crypto, domain, said))).toBe(allotment.digest);
  for (const change of [{ number: 5 }, { until: 1n }, { root: new Uint8Array(32) }, { units: 1n }]) {
    expect(toHex(hashAllotment(crypto, domain, { ...said, ...change }))).not.toBe(allotment.digest);
  }
});
