import { expFixed } from '@ogong/protocol/base/exponential';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { computeLargestTail, mayLeave } from '@ogong/protocol/modality/text/stage1/tail-bound';
import { describe, expect, it } from 'vitest';
import { createPositionReader } from './position.ts';
import { createAscendingSums, createLaneSums } from './vocabulary-sums.ts';

const seed = Number(process.env.OGONG_SEED ?? 1);

/** Logits from flat to sharp, with a head of a few likely tokens or without one. */
function drawLogits(random: () => number, size: number): Float32Array {
  const scale = [0, 0.01, 0.3, 1, 3, 8][Math.floor(random() * 6)] as number;
  const logits = Float32Array.from({ length: size }, () => (random() + random() + random() - 1.5) * scale);
  // A head that leaves from all to a millionth to the others.
  const head = Math.floor(random() * 4) * 20;
  const level = Math.log(size) + (random() - 0.3) * 16;
  for (let i = 0; i < head; i++) logits[Math.floor(random() * size)] = level + random();
  return logits;
}

// Stage 1 refutes a tail above its bound by itself: one honest row above it ejects an honest provider. Rounding adds up
// with the vocabulary, so the largest ones count most.
describe('the tail that an honest engine signs', () => {
  it.each([
    [2_063, createAscendingSums],
    [32_000, createAscendingSums],
    [32_000, createLaneSums],
    [151_936, createLaneSums],
  ])('stays within the bound of stage 1, of %d tokens at any temperature, by %o', (size, createSums) => {
    const random = createSeededRandom(seed);
    const reader = createPositionReader(size, createSums(size));
    let tails = 0;
    for (let n = 0; n < 60; n++) {
      const near = 0.9 + random() * 0.35;
      const temperature = n % 2 === 0 ? near : 2 ** (random() * 8 - 4);
      const settings = {
        ...PLAIN_SAMPLER,
        temperatureQ16: Math.max(1, Math.round(temperature * NAT)),
      };
      const logits = drawLogits(random, size);
      const { q, tail } = reader.draw({ logits, offset: 0, settings, bias: new Map(), counts: new Map() }, 0);
      if (tail > 0) tails++;
      const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
      const leftOver = { vocabularySize: size, temperatureQ16: settings.temperatureQ16, mass };
      expect(mayLeave(tail, q, leftOver), `row ${n}, temperature ${temperature}, tail ${tail}`).toBe(true);
      const most = computeLargestTail(q, leftOver);
      if (most < 2 ** 24) expect(mayLeave(most + 1, q, leftOver)).toBe(false);
    }
    expect(tails).toBeGreaterThan(20);
  });
});

describe('a listing by sums in lanes', () => {
  it('differs from one by ascending sums by little, so that a verifier of the other class still accepts it', () => {
    const size = 70_001;
    const random = createSeededRandom(seed);
    const [ascending, lanes] = [createAscendingSums, createLaneSums].map((create) =>
      createPositionReader(size, create(size)),
    );
    for (let n = 0; n < 12; n++) {
      const logits = drawLogits(random, size);
      const settings = { ...PLAIN_SAMPLER, temperatureQ16: Math.round((0.3 + random()) * NAT) };
      const bias = new Map(n % 2 === 0 ? [] : [[5, 3 * NAT]]);
      const read = (reader = ascending) =>
        reader?.draw({ logits: logits.slice(), offset: 0, settings, bias, counts: new Map() }, 0);
      const [one, other] = [read(ascending), read(lanes)];
      expect(other?.ids).toEqual(one?.ids);
      expect(Math.abs((one?.tail ?? 0) - (other?.tail ?? 0))).toBeLessThan(48);
      one?.q.forEach((q, i) => {
        expect(Math.abs(q - (other?.q[i] ?? 0))).toBeLessThanOrEqual(1);
      });
    }
  });
});
