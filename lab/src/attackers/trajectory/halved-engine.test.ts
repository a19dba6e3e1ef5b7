import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { makePicture } from '@ogong/provider/modality/trajectory/make-picture';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { halveSteps } from './halved-engine.ts';

const sold = createFakeTrajectoryEngine();
afterAll(() => sold.close());

const noise = Float32Array.from({ length: 4 * 8 * 8 }, (_, i) => Math.sin(i));

function make(engine: TrajectoryEngine, steps: number) {
  const choices = {
    width: 32,
    height: 32,
    steps,
    guidanceQ16: 3 * 65_536,
    sampler: 'flow-match',
    guidancePlan: undefined,
  } as const;
  const request = { prompt: 'a red ship', negativePrompt: '' };
  return makePicture(engine, { request, choices }, { noise, signal: new AbortController().signal });
}

describe('an engine that halves its steps', () => {
  it('commits the declared steps, whose links hold, for half of the work', async () => {
    const generate = vi.spyOn(sold, 'generate');
    const halved = halveSteps(sold);
    // `makePicture` refuses a latent that does not follow from the step before.
    const [cheated, honest] = [await make(halved, 6), await make(sold, 6)];
    expect(generate.mock.calls.map(([{ steps }]) => steps)).toEqual([3, 6]);
    expect(cheated.steps).toHaveLength(6);
    expect(cheated.steps.map(({ output }) => output)).not.toEqual(honest.steps.map(({ output }) => output));
  });

  it('is honest about an odd number of steps', async () => {
    expect(await make(halveSteps(sold), 5)).toEqual(await make(sold, 5));
  });
});
