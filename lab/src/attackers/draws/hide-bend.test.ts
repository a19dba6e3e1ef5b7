import { computeSketchDistance, quantizeSketch, type SketchRow } from '@ogong/protocol/commitment/sketch';
import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import {
  NAT,
  PLAIN_SAMPLER,
  quantizeLogprob,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { describe, expect, it } from 'vitest';
import { createGaussian } from '../../forge/random.ts';
import { type DrawInputs, replayRank } from '../replay-row.ts';
import { findDrift, hideBend, moveSketch } from './hide-bend.ts';

const SIZE = 40;
const shares = Float64Array.from({ length: SIZE }, (_, i) => 0.8 ** i);
const total = shares.reduce((sum, share) => sum + share, 0);
const ids = Uint32Array.from({ length: SIZE }, (_, i) => 3 + ((i * 17) % SIZE));
const q = Uint32Array.from(shares, (share) => quantizeLogprob(Math.log(share / total)));
const row: DrawRow = { ids, q, tail: 0, rank: 0 };

/** A draw that misses the first token's interval by `gap`, on the side where there is room. */
function inputsOf(gap: number): DrawInputs {
  const below = ids.reduce((sum, id, i) => (id < (ids[0] as number) ? sum + (shares[i] as number) : sum), 0) / total;
  const end = below + (shares[0] as number) / total;
  const at = end + gap < 1 ? end + gap : below - gap;
  return {
    u: Math.round(at * WEIGHT_ONE),
    settings: PLAIN_SAMPLER,
    bias: new Map(),
    counts: new Map(),
    vocabularySize: SIZE,
  };
}

/** A draw this far off needs a bend of several times the drift of both types. */
const FAR = 0.3;

const changesOf = (bent: DrawRow): number[] =>
  Array.from(bent.ids, (id, j) => ((bent.q[j] as number) - (q[ids.indexOf(id)] as number)) / NAT);

describe.each(['f16', 'q8_0'])('a bend that hides in the drift of %s', (weightType) => {
  const drift = findDrift(weightType);
  const gaps = [0.1, 0.3, 0.6, 1, 2, 4].map((times) => times * drift.spread);

  it('draws its token, leaves no value that stands out, and moves values no farther than drift does', () => {
    let hidden = 0;
    for (const gap of gaps) {
      const inputs = inputsOf(gap);
      expect(replayRank(row, inputs)).not.toBe(row.rank);
      const found = hideBend(row, { inputs, drift, gaussian: createGaussian(1) });
      if (found === undefined) continue;
      hidden++;
      expect(replayRank(found.row, inputs)).toBe(found.row.rank);
      expect(tokenOf(found.row)).toBe(tokenOf(row));
      const changes = changesOf(found.row).map(Math.abs);
      const top = Math.max(...changes);
      const rest = (changes.reduce((sum, change) => sum + change, 0) - top) / (SIZE - 1);
      expect(top).toBeLessThanOrEqual(4.3 * Math.max(rest, drift.spread));
      expect(found.spread).toBeLessThan(2 * drift.spread);
    }
    expect(hidden).toBeGreaterThan(1);
  });

  it('gives up where drift would have to be larger, and for a token that is not listed', () => {
    const given = { drift, gaussian: createGaussian(1) };
    expect(hideBend(row, { ...given, inputs: inputsOf(FAR) })).toBeUndefined();
    const unlisted: DrawRow = { ...row, rank: TAIL_RANK, tailId: 99, tailQ: q.at(-1) as number };
    expect(hideBend(unlisted, { ...given, inputs: inputsOf(gaps[0] as number) })).toBeUndefined();
  });
});

it('moves a sketch by the given distance, in a random direction', () => {
  const sketch: SketchRow = { exponent: 0, values: new Int16Array(16) };
  quantizeSketch(
    Float64Array.from({ length: 16 }, (_, i) => Math.sin(i)),
    sketch,
  );
  const gaussian = createGaussian(5);
  const distances = Array.from({ length: 400 }, () =>
    computeSketchDistance(moveSketch(sketch, 0.05, gaussian), sketch),
  );
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
  // The mean norm of 16 normals over 4 is 0.985, its standard deviation over 400 below 0.01.
  expect(mean).toBeGreaterThan(0.95 * 0.05);
  expect(mean).toBeLessThan(1.02 * 0.05);
});
