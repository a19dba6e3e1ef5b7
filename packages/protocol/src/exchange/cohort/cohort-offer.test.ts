import { describe, expect, it } from 'vitest';
import { findCohortProblem, findMemberSegment, type SharedModel } from './cohort-offer.ts';
import { findWeakestProblem, type OfferedSegment } from './segment.ts';

const hash = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const members = [0, 20].map((firstLayer, i) => ({ providerId: hash(i), firstLayer, layers: 20, pricePer1kAtomic: 5n }));
const shared: SharedModel = {
  ...{
    modelId: 'ogong/replay/test/a',
    modelRoot: hash(9),
    pricePer1kAtomic: 10n,
    contextSize: 512,
    numericClass: EXACT,
  },
  cohort: { manifestHash: hash(8), members },
};
const [first] = members as [(typeof members)[number]];
const segment: OfferedSegment = {
  ...{ modelId: shared.modelId, modelRoot: hash(9), manifestHash: hash(8), firstLayer: 0, layers: 20, totalLayers: 40 },
  ...{ pricePer1kAtomic: 5n, contextSize: 512, numericClass: EXACT, capacity: 1, freeCapacity: 1, uplinkMbit: 1 },
};

describe('the tier of a cohort', () => {
  it('is that of each member: one that offers its layers in another tier is no member', () => {
    expect(findMemberSegment([segment], shared, first)).toBe(segment);
    const other = { ...segment, modelId: 'ogong/verified/test/a' };
    expect(findMemberSegment([other], shared, first)).toBeUndefined();
  });

  it.each(['tee', 'tee-proxy'])('is never %s, in which no other provider may read the prompt', (tier) => {
    const modelId = `ogong/${tier}/test/a`;
    const problem = `in tier ${tier} one machine serves a model alone`;
    expect(findCohortProblem({ ...shared, modelId }, hash(1))).toBe(problem);
    expect(findWeakestProblem(modelId, [EXACT])).toBe(problem);
    expect(findCohortProblem(shared, hash(1))).toBeUndefined();
  });

  it('needs a class of the tier from each member', () => {
    expect(findWeakestProblem(shared.modelId, [EXACT, EXACT])).toBeUndefined();
    expect(findWeakestProblem(shared.modelId, [EXACT, `${EXACT}/no-fa`])).toMatch(
      /^shard 1: tier replay needs a numeric/,
    );
    expect(findWeakestProblem('ogong/verified/test/a', [EXACT, `${EXACT}/no-fa`])).toBeUndefined();
  });
});
