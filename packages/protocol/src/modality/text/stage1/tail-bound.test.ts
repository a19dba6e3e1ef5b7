import { expect, it } from 'vitest';
import { expFixed } from '../../../base/exponential.ts';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import type { RepeatedCandidates } from '../commitment/window.ts';
import {
  computeCost,
  NAT,
  PLAIN_SAMPLER,
  quantizeLogprob,
  quantizeLogSum,
  type SamplerSettings,
} from '../sampling/sampler.ts';
import { computeLargestTail, createProcessedTailBound, mayLeave } from './tail-bound.ts';

it('bounds the tail of unprocessed costs closely from above', () => {
  const random = createSeededRandom(31);
  for (let trial = 0; trial < 400; trial++) {
    const size = 64 + Math.floor(random() * 2000);
    const sharpness = 0.5 + random() * 8;
    const logits = Array.from({ length: size }, () => Math.log(random() + 1e-12) * sharpness);
    const z = logits.reduce((sum, x) => sum + Math.exp(x), 0);
    const p = logits.map((x) => Math.exp(x) / z).sort((a, b) => b - a);
    const temperatureQ16 = 6000 + Math.floor(random() * 200_000);
    const t = temperatureQ16 / 65536;
    const n = 20 + Math.floor(random() * 45);
    const q = Uint32Array.from(p.slice(0, n), (x) => quantizeLogprob(Math.log(x)));
    const powered = p.map((x) => x ** (1 / t));
    const total = powered.reduce((a, b) => a + b, 0);
    const tail = (powered.slice(n).reduce((a, b) => a + b, 0) / total) * 2 ** 24;
    const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
    const leftOver = { vocabularySize: size, temperatureQ16, mass };
    const most = computeLargestTail(q, leftOver);
    for (const given of [0, 1, Math.floor(tail), most >> 1, most - 1, most, most + 1, most + 2, 2 ** 24]) {
      if (given >= 0) expect(mayLeave(given, q, leftOver)).toBe(given <= most);
    }
    expect(most).toBeGreaterThanOrEqual(Math.floor(tail));
    // Below temperature one the bound is most useful if the list covers most of the mass.
    if (t <= 1 && mass > 0.98 * 2 ** 26) expect(most).toBeLessThan(0.05 * 2 ** 24);
  }
});

it('bounds the total of many tokens with tiny masses', () => {
  const unlisted = 151_936 - 20;
  for (let trial = 0; trial < 200; trial++) {
    const temperatureQ16 = NAT + 1 + 100 * trial;
    for (const left of [1e-5, 5e-5, 2e-4, 1e-3, 1e-2]) {
      const listed = [0.9 * (1 - left), ...Array<number>(19).fill((0.1 * (1 - left)) / 19)];
      const power = (p: number): number => p ** (NAT / temperatureQ16);
      const spread = unlisted * power(left / unlisted);
      const tail = spread / (spread + listed.reduce((sum, p) => sum + power(p), 0));
      const q = Uint32Array.from(listed, (p) => quantizeLogprob(Math.log(p)));
      const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
      const most = computeLargestTail(q, { vocabularySize: 151_936, temperatureQ16, mass });
      expect(most, `${left} left at ${temperatureQ16}`).toBeGreaterThanOrEqual(Math.floor(tail * 2 ** 24));
    }
  }
});

it('bounds the tail of many equal tokens with hardly any listed', () => {
  for (let size = 500; size < 200_000; size = Math.floor(size * 1.37)) {
    for (const temperatureQ16 of [NAT / 2, 60_000, NAT - 1, NAT + 1, 90_000]) {
      const q = new Uint32Array(64).fill(quantizeLogprob(-Math.log(size)));
      const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
      const most = computeLargestTail(q, { vocabularySize: size, temperatureQ16, mass });
      expect(most, `${size} at ${temperatureQ16}`).toBeGreaterThanOrEqual(Math.round((1 - 64 / size) * 2 ** 24));
    }
  }
});

interface Made {
  readonly ids: Uint32Array;
  readonly q: Uint32Array;
  readonly mass: number;
  /** Tail as an engine computes it, 2^-24. */
  readonly tail: number;
  readonly repeated?: RepeatedCandidates;
}

/** Creates a position of an artificial model: costs of touched tokens on the grid, all others unchanged, as in engines. */
function makeRow(
  random: () => number,
  {
    size,
    n,
    sampler,
    bias,
    counts,
    prompt,
  }: {
    size: number;
    n: number;
    sampler: SamplerSettings;
    bias: ReadonlyMap<number, number>;
    counts: ReadonlyMap<number, number>;
    prompt: readonly number[];
  },
): Made {
  const sharpness = 10 ** (random() * 3.5 - 0.7);
  const logits = Array.from({ length: size }, () => Math.log(random() + 1e-12) * sharpness);
  const shift = (random() - 0.3) * 60;
  const isOn = sampler.repetitionPenaltyQ16 !== NAT;
  const repeated = new Set([...prompt, ...counts.keys()]);
  const best = Math.max(...logits);
  const normaliser = best + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - best), 0));
  const logSum = quantizeLogSum(normaliser + shift);
  const all = logits.map((logit, id) => {
    const q = quantizeLogprob(logit - normaliser);
    const isRepeated = isOn && repeated.has(id);
    const isTouched = bias.has(id) || counts.has(id) || isRepeated;
    const cost = computeCost(q, bias.get(id) ?? 0, counts.get(id) ?? 0, sampler, isRepeated ? logSum : undefined);
    return { id, q, cost, processed: isTouched ? -cost / NAT : logit - normaliser };
  });
  all.sort((a, b) => a.cost - b.cost || b.processed - a.processed);
  const t = sampler.temperatureQ16 / NAT;
  const top = Math.max(...all.map(({ processed }) => processed));
  const sum = (from: number) => all.slice(from).reduce((s, { processed }) => s + Math.exp((processed - top) / t), 0);
  const listed = all.slice(0, n);
  return {
    ids: Uint32Array.from(listed, ({ id }) => id),
    q: Uint32Array.from(listed, ({ q }) => q),
    mass: listed.reduce((s, { q }) => s + expFixed(q), 0),
    tail: Math.floor((sum(n) / sum(0)) * 2 ** 24 + 0.5),
    ...(isOn && { repeated: { logSum, marks: Uint8Array.from(listed, ({ id }) => (repeated.has(id) ? 1 : 0)) } }),
  };
}

it('bounds the tail under bias and penalties closely from above at any temperature', () => {
  const random = createSeededRandom(32);
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  let tight = 0;
  for (let trial = 0; trial < 1500; trial++) {
    const size = between(65, 1500);
    const sampler: SamplerSettings = {
      ...PLAIN_SAMPLER,
      temperatureQ16: [1, 3, 700, 20_000, NAT, NAT, NAT + 1, 100_000, 2 * NAT, 100 * NAT][between(0, 9)] as number,
      presencePenaltyQ16: between(-2 * NAT, 2 * NAT),
      frequencyPenaltyQ16: between(-2 * NAT, 2 * NAT),
      repetitionPenaltyQ16: [NAT, NAT, between(655, NAT), between(NAT, 2 * NAT)][between(0, 3)] as number,
    };
    const pairs = (most: number, value: () => number): [number, number][] =>
      Array.from({ length: between(0, most) }, () => [between(0, size - 1), value()]);
    const limit = [0, NAT, 100 * NAT][between(0, 2)] as number;
    const bias = new Map(pairs(9, () => between(-limit, limit)).sort(([a], [b]) => a - b));
    const counts = new Map(pairs(20, () => between(1, 9)));
    const prompt = pairs(40, () => 0).map(([token]) => token);
    const made = makeRow(random, { size, n: between(20, 64), sampler, bias, counts, prompt });
    const bound = createProcessedTailBound({
      ...{ vocabularySize: size, sampler, promptTokenCount: prompt.length },
      bias: [...bias].map(([id, biasQ16]) => ({ id, biasQ16 })),
    });
    for (const [token, count] of counts) for (let i = 0; i < count; i++) bound.push(token);
    const most = bound.compute(made, made.mass);
    expect(most, `trial ${trial}: ${JSON.stringify(sampler)}`).toBeGreaterThanOrEqual(made.tail);
    // If the list covers nearly all and little was moved, hardly anything is left to claim.
    const isLittle = limit <= NAT && sampler.repetitionPenaltyQ16 === NAT;
    if (sampler.temperatureQ16 === NAT && isLittle && made.mass > 0.999 * 2 ** 26) {
      expect(most).toBeLessThan(0.1 * 2 ** 24);
      tight++;
    }
  }
  expect(tight).toBeGreaterThan(20);
});

const PLAIN_HEADER = { sampler: PLAIN_SAMPLER, bias: [{ id: 1, biasQ16: 5 }], promptTokenCount: 3 };

it('bounds the tail by the tokens that a repetition penalty below one can raise', () => {
  const q = Uint32Array.from({ length: 64 }, (_, i) => 100_000 + 3000 * i);
  const ids = Uint32Array.from(q, (_, i) => i);
  const row = { ids, q, repeated: { logSum: 0, marks: new Uint8Array(64) } };
  const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
  const measure = (repetitionPenaltyQ16: number, promptTokenCount: number): number => {
    const sampler = { ...PLAIN_SAMPLER, repetitionPenaltyQ16 };
    return createProcessedTailBound({ sampler, bias: [], vocabularySize: 9000, promptTokenCount }).compute(row, mass);
  };
  expect(measure(2 * NAT, 5000)).toBe(measure(2 * NAT, 0));
  expect(measure(NAT / 2, 0)).toBe(measure(2 * NAT, 0));
  expect(measure(NAT / 2, 100)).toBeGreaterThan(measure(NAT / 2, 10));
});

it('gives a bound of 0 if every token is listed', () => {
  const bound = createProcessedTailBound({ vocabularySize: 20, ...PLAIN_HEADER });
  const ids = Uint32Array.from({ length: 20 }, (_, id) => id);
  expect(bound.compute({ ids, q: new Uint32Array(20).fill(200_000) }, 0)).toBe(0);
});

it('handles an unordered list of costs', () => {
  const bound = createProcessedTailBound({ vocabularySize: 99, ...PLAIN_HEADER });
  const ids = Uint32Array.from({ length: 20 }, (_, id) => id);
  const q = Uint32Array.from({ length: 20 }, (_, i) => 900_000 - 40_000 * i);
  expect(bound.compute({ ids, q }, 1000)).toBeGreaterThan(0);
});
