import { describe, expect, it } from 'vitest';
import { LADDER } from '../../attackers/cheap-models.ts';
import { listHonestExperiments, listLadderExperiments, MAIN_PAIR, SAME_PAIR } from '../plan/experiments.ts';
import { PROFILES, SOLD_WEIGHTS } from '../plan/profiles.ts';
import type { JudgedReply } from './load.ts';
import { measureLadder } from './measure-ladder.ts';

const replyAt = (sketchDistance: number, unreproduced?: number): JudgedReply =>
  ({
    seed: 1,
    tokens: 32,
    scored: {
      comparison: { windows: [{ sketchDistance, logprobShift: sketchDistance, kolmogorov: sketchDistance }] },
      unreproduced,
      fallback: sketchDistance > 0.1 ? 'reject' : 'accept',
    },
  }) as unknown as JudgedReply;

describe('a step of the ladder', () => {
  const experiment = { weights: 'q5_0', source: 'weights-q4-k-m', ...MAIN_PAIR, replies: 2 };
  const honest = [replyAt(0.01), replyAt(0.02)];

  it('is measured by windows beyond all honest ones, and by the first differing token in an exact class', () => {
    const other = [replyAt(0.015), replyAt(0.05), replyAt(0.3)];
    const row = measureLadder({ experiment, other, same: [replyAt(0.3, 0), replyAt(0.3, 2)], honest });
    expect(row).toMatchObject({ farthestHonest: 0.02, honestWindows: 2, sketch: 0.05 });
    expect([row.beyondHonest.value, row.fallbackPasses.value, row.rejected.value]).toEqual([2 / 3, 2 / 3, 1 / 3]);
    expect(row.equality).toMatchObject({ differ: { value: 1 }, medianToken: 1, lastToken: 2 });
  });

  it('does not show in honest replies', () => {
    const row = measureLadder({ experiment, other: honest, same: [replyAt(0)], honest });
    expect([row.beyondHonest.value, row.fallbackPasses.value, row.rejected.value]).toEqual([0, 1, 0]);
    expect(row.equality?.differ.value).toBe(0);
  });

  it('is played between the classes of the tables and in the exact class', () => {
    const steps = listLadderExperiments(PROFILES.ci);
    for (const [i, cheaper] of LADDER.entries()) {
      const dearer = LADDER[i - 1];
      if (dearer === undefined || (SOLD_WEIGHTS as readonly string[]).includes(dearer)) continue;
      const ofStep = steps.filter(({ source }) => source === `weights-${cheaper.replaceAll('_', '-')}`);
      expect(ofStep.map(({ weights, verifier }) => [weights, verifier])).toEqual(
        [MAIN_PAIR, SAME_PAIR].map(({ verifier }) => [dearer, verifier]),
      );
      expect(listHonestExperiments(PROFILES.ci).some(({ weights, model }) => model && weights === dearer)).toBe(true);
    }
  });
});
