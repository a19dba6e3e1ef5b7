import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { findAttack } from '../catalogue.ts';
import { playTrial } from '../trial.ts';

const engine = createFakeEngine({ weights: 1, contextSize: 512 });
const afterwards = [engine];
afterAll(() => Promise.all(afterwards.map((each) => each.close())));

const SAMPLERS = {
  plain: { temperature: 1 },
  usual: { temperature: 0.8, top_p: 0.95, top_k: 40 },
  cool: { temperature: 0.3 },
  hot: { temperature: 1.7 },
  greedy: { temperature: 0 },
  'min-p': { min_p: 0.05 },
  narrow: { top_k: 5 },
  biased: { logit_bias: { 270: 5, 40: -5 } },
  penalised: { presence_penalty: 0.7, frequency_penalty: 0.3 },
};

const near = { weights: 1, error: 1.5 };
const other = { weights: 2 };

describe.each([
  { name: 'massaged-q8-0', cheap: near, what: 'a model that is near' },
  { name: 'massaged-q8-0', cheap: other, what: 'another model' },
  { name: 'massaged-knowing-q8-0', cheap: near, what: 'a model that is near' },
  { name: 'massaged-hidden-q8-0', cheap: near, what: 'a model that is near' },
])('$name over $what', ({ name, cheap }) => {
  it.each(Object.entries(SAMPLERS))('passes stage 1 under the %s sampler, and not equality', async (_, sampler) => {
    const cheapEngine = createFakeEngine({ ...cheap, contextSize: 512 });
    afterwards.push(cheapEngine);
    const attack = findAttack(name).create({ engine, cheapEngine });
    const failed = new Set<string>();
    for (let number = 0; number < 2; number++) {
      const request = { messages: [{ role: 'user', content: `Hi ${number}` }], max_tokens: 64, ...sampler };
      const trial = await playTrial(attack, { verifier: engine, number, request });
      for (const id of trial.failed) failed.add(id);
    }
    const counts = attack.counts?.() ?? {};
    const shown = JSON.stringify(counts);
    expect(counts.positions, shown).toBeGreaterThan(0);
    if (cheap === near) expect(counts.lost, shown).toBe(0);
    const { drowned = 0, hidden = 0, massaged = 0 } = counts;
    expect(drowned <= hidden && hidden <= massaged, shown).toBe(true);
    if (!name.includes('hidden')) expect(hidden, shown).toBe(0);
    if (counts.lost === 0) expect(failed, shown).not.toContain('draw-replay');
    expect(
      [...failed].filter((id) => !['equality', 'draw-replay', 'own-choice'].includes(id)),
      shown,
    ).toEqual([]);
    expect(failed.has('equality'), shown).toBe((counts.massaged as number) > 0);
  });
});

describe('renamed-candidates', () => {
  // Under min-p the two models agree on these prompts, so there is nothing to rename.
  it.each(Object.entries(SAMPLERS).filter(([name]) => name !== 'min-p'))(
    'passes stage 1 under the %s sampler, and not equality',
    async (_, sampler) => {
      const cheapEngine = createFakeEngine({ ...near, error: 3, contextSize: 512 });
      afterwards.push(cheapEngine);
      const attack = findAttack('renamed-candidates').create({ engine, cheapEngine });
      const failed = new Set<string>();
      for (let number = 0; number < 12; number++) {
        const request = { messages: [{ role: 'user', content: `Hello ${number}` }], max_tokens: 64, ...sampler };
        const trial = await playTrial(attack, { verifier: engine, number, request });
        for (const id of trial.failed) failed.add(id);
      }
      const counts = attack.counts?.() ?? {};
      const shown = JSON.stringify(counts);
      expect(failed.has('draw-replay'), shown).toBe((counts.lost as number) > 0);
      expect(
        [...failed].filter((id) => !['own-choice', 'draw-replay'].includes(id)),
        shown,
      ).toEqual(['equality']);
    },
  );
});
