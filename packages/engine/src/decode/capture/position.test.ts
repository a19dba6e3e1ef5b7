import { expFixed } from '@ogong/protocol/base/exponential';
import { logSumOf, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { createRepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import {
  computeCost,
  MAX_LISTED,
  MAX_REPETITION_Q16,
  MIN_REPETITION_Q16,
  NAT,
  PLAIN_SAMPLER,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { createProcessedTailBound } from '@ogong/protocol/modality/text/stage1/tail-bound';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPositionReader } from './position.ts';
import { createAscendingSums, createLaneSums } from './vocabulary-sums.ts';

const inputsOf = (
  logits: Float32Array,
  settings = PLAIN_SAMPLER,
  bias = new Map<number, number>(),
  counts = new Map<number, number>(),
  repeated?: ReadonlyMap<number, number>,
) => ({
  // The reader may overwrite logits.
  logits: logits.slice(),
  offset: 0,
  settings,
  bias,
  counts,
  repeated,
});

function logitsOf(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 12 - 6;
  });
}

describe.each([createAscendingSums, createLaneSums])('position reader over %o', (createSums) => {
  const openReader = (size: number) => createPositionReader(size, createSums(size));

  it('lists fixed-point log-probabilities and the tail of a float softmax', () => {
    const logits = logitsOf(500, 1);
    const row = openReader(500).draw(inputsOf(logits), 0);
    const z = logits.reduce((sum, x) => sum + Math.exp(x), 0);
    let listed = 0;
    row.ids.forEach((id, i) => {
      const p = Math.exp(logits[id] as number) / z;
      expect(Math.abs((row.q[i] as number) + Math.log(p) * NAT)).toBeLessThan(0.51);
      listed += p;
    });
    expect(row.ids).toHaveLength(MAX_LISTED);
    expect(Math.abs(row.tail - (1 - listed) * WEIGHT_ONE)).toBeLessThan(1);
  });

  it('lists twenty where the sampler keeps fewer, and what it keeps in between', () => {
    const reader = openReader(500);
    const logits = logitsOf(500, 2);
    expect(reader.draw(inputsOf(logits, { ...PLAIN_SAMPLER, topK: 3 }), 0).ids).toHaveLength(20);
    expect(reader.draw(inputsOf(logits, { ...PLAIN_SAMPLER, topK: 33 }), 0).ids).toHaveLength(33);
    expect(reader.draw(inputsOf(logits, { ...PLAIN_SAMPLER, temperatureQ16: 0 }), 0)).toMatchObject({
      rank: 0,
      tail: 0,
    });
  });

  it('never draws what the filters of the whole leave out, however they meet', () => {
    const reader = openReader(500);
    const flat = logitsOf(500, 3).map((x) => x / 6);
    // The signed list is cut to as many candidates as the 64.
    for (const [settings, most] of [
      [{ topK: 40, topPQ24: Math.floor(0.8 * WEIGHT_ONE) }, 40],
      [{ topK: 40, topPQ24: Math.floor(0.8 * WEIGHT_ONE), filterOrder: ['top-p', 'top-k'] as const }, 40],
      [{ minPQ24: Math.floor(0.9 * WEIGHT_ONE) }, 63],
      [{ topK: 50, minPQ24: Math.floor(0.9 * WEIGHT_ONE) }, 50],
    ] as const) {
      const likeliest = new Set([...flat.keys()].sort((a, b) => flat[b]! - flat[a]!).slice(0, most));
      for (let i = 0; i < 500; i++) {
        const u = Math.floor(((i + 0.5) / 500) * WEIGHT_ONE);
        const row = reader.draw(inputsOf(flat, { ...PLAIN_SAMPLER, ...settings }), u);
        expect(row.rank).not.toBe(TAIL_RANK);
        expect(likeliest.has(tokenOf(row))).toBe(true);
      }
    }
  });

  it('draws unlisted tokens in proportion to their mass', () => {
    const reader = openReader(500);
    const logits = new Float32Array(500);
    const counts = new Map<number, number>();
    const draws = 2000;
    for (let i = 0; i < draws; i++) {
      const row = reader.draw(inputsOf(logits), Math.floor(((i + 0.5) / draws) * WEIGHT_ONE));
      const token = tokenOf(row);
      if (row.rank === TAIL_RANK) expect(row.ids).not.toContain(token);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    expect(counts.size).toBe(500);
    for (const count of counts.values()) expect(Math.abs(count - draws / 500)).toBeLessThanOrEqual(1);
  });

  it('applies bias and penalties before it ranks', () => {
    const reader = openReader(500);
    const logits = logitsOf(500, 3);
    const plain = reader.draw(inputsOf(logits), 0);
    const [best, second] = plain.ids as unknown as [number, number];
    const banned = reader.draw(inputsOf(logits, PLAIN_SAMPLER, new Map([[best, -100 * NAT]])), 0);
    expect(banned.ids).not.toContain(best);
    expect(banned.ids[0]).toBe(second);
    // The raw log-probability is what is signed; the bias is the verifier's to apply.
    expect(banned.q[0]).toBe(plain.q[1]);
    const settings = { ...PLAIN_SAMPLER, frequencyPenaltyQ16: 2 * NAT };
    const penalised = reader.draw(inputsOf(logits, settings, new Map(), new Map([[best, 5]])), 0);
    expect(penalised.ids[0]).toBe(second);
  });

  it('divides positive logits of repeated tokens by the penalty, multiplies others, and signs what replays it', () => {
    const logits = logitsOf(500, 3);
    const [best = 0, second = 0] = openReader(500).draw(inputsOf(logits), 0).ids;
    logits[best] = 8;
    logits[second] = -1;
    const z = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    const settings = { ...PLAIN_SAMPLER, repetitionPenaltyQ16: 1.25 * NAT };
    const repeated = new Map([best, second].map((id) => [id, 1]));
    const row = openReader(500).draw(inputsOf(logits, settings, new Map(), new Map(), repeated), 0);
    const rank = row.ids.indexOf(best);
    const cost = computeCost(row.q[rank] as number, 0, 0, settings, logSumOf(row, rank));
    expect(cost / NAT).toBeCloseTo(z - 8 / 1.25, 4);
    expect(row.repeated?.logSum).toBe(Math.floor(z * NAT + 0.5));
    expect(Array.from(row.ids).filter((_, i) => row.repeated?.marks[i] === 1)).toEqual([best]);
    const lowered = computeCost(Math.round((z + 1) * NAT), 0, 0, settings, row.repeated?.logSum);
    expect(lowered / NAT).toBeCloseTo(z + 1.25, 4);
  });

  it('keeps its numbers where the likeliest token by far is banned', () => {
    const logits = logitsOf(100, 4);
    logits[7] = 60;
    const row = openReader(100).draw(inputsOf(logits, PLAIN_SAMPLER, new Map([[7, -100 * NAT]])), 12345678);
    expect(row.ids).not.toContain(7);
    expect(row.tail).toBeGreaterThan(0);
    expect(row.tail).toBeLessThan(WEIGHT_ONE / 2);
  });

  it('refuses logits that are not numbers', () => {
    const logits = logitsOf(100, 5);
    logits[3] = Number.NaN;
    logits[4] = Number.POSITIVE_INFINITY;
    expect(() => openReader(100).draw(inputsOf(logits), 0)).toThrow(/not finite/);
    expect(() => openReader(100).draw(inputsOf(new Float32Array(100).fill(Number.NaN)), 0)).toThrow(/not finite/);
  });

  it('claims what it drew, for any settings and key', () => {
    const reader = openReader(300);
    const settings = fc.record({
      temperatureQ16: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 * NAT })),
      topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 })),
      topPQ24: fc.integer({ min: 1, max: WEIGHT_ONE }),
      minPQ24: fc.integer({ min: 0, max: WEIGHT_ONE }),
      presencePenaltyQ16: fc.integer({ min: -2 * NAT, max: 2 * NAT }),
      frequencyPenaltyQ16: fc.integer({ min: -2 * NAT, max: 2 * NAT }),
      repetitionPenaltyQ16: fc.oneof(
        fc.constant(NAT),
        fc.integer({ min: MIN_REPETITION_Q16, max: MAX_REPETITION_Q16 }),
      ),
      repetitionWindow: fc.constant(0),
      filterOrder: fc.shuffledSubarray(['top-k', 'top-p', 'min-p'] as const),
    });
    const map = (high: number) =>
      fc
        .array(fc.tuple(fc.integer({ min: 0, max: 299 }), fc.integer({ min: -high, max: high })), { maxLength: 9 })
        .map((e) => new Map(e));
    fc.assert(
      fc.property(
        settings,
        map(100 * NAT),
        map(9),
        map(0),
        fc.integer({ min: 0, max: 2 ** 24 - 1 }),
        fc.integer(),
        (s, bias, signed, ofPrompt, u, seed) => {
          const counts = new Map([...signed].map(([id, count]) => [id, Math.abs(count) + 1]));
          const logits = logitsOf(300, seed >>> 0);
          const prompt = [...ofPrompt.keys()];
          const repeated = createRepeatedTokens(s, [...prompt, ...counts.keys()])?.counts;
          const drawn = reader.draw(inputsOf(logits, s, bias, counts, repeated), u);
          const claim = { token: tokenOf(drawn), listSize: drawn.ids.length };
          const tailDraw = drawn.rank === TAIL_RANK ? u : undefined;
          const inputs = inputsOf(logits, s, bias, counts, repeated);
          expect(reader.claim(inputs, { ...claim, tailDraw })).toEqual({ row: drawn, isOwn: true, tailGap: 0 });
          const costs = Array.from(drawn.ids, (id, i) =>
            computeCost(drawn.q[i] as number, bias.get(id) ?? 0, counts.get(id) ?? 0, s, logSumOf(drawn, i)),
          );
          expect([...costs].sort((a, b) => a - b)).toEqual(costs);
          // Stage 1 must take every tail of an honest engine, whatever was processed.
          const bound = createProcessedTailBound({
            ...{ sampler: s, vocabularySize: 300, promptTokenCount: prompt.length },
            bias: [...bias].map(([id, biasQ16]) => ({ id, biasQ16 })),
          });
          for (const [id, count] of counts) for (let i = 0; i < count; i++) bound.push(id);
          const mass = drawn.q.reduce((sum, q) => sum + expFixed(q), 0);
          expect(drawn.tail).toBeLessThanOrEqual(bound.compute(drawn, mass));
        },
      ),
      { seed: 20261120, numRuns: 300 },
    );
  });
});
