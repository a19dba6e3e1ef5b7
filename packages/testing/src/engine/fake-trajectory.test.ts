import type { DenoisingModel } from '@ogong/engine/process/trajectory-host';
import { describe, expect, it } from 'vitest';
import { createFakeTrajectoryEngine, type FakeTrajectoryOptions } from './fake-trajectory.ts';
import { describeTrajectoryEngine, TRAJECTORY_RULES, type TrajectorySubject } from './trajectory-compliance.ts';

const DDIM = {
  _class_name: 'DDIMScheduler',
  ...{ num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' },
  ...{ clip_sample: false, set_alpha_to_one: false, steps_offset: 1 },
};
const subjectOf = (name: string, fake: FakeTrajectoryOptions = {}): TrajectorySubject => ({
  name,
  open: async (options) => createFakeTrajectoryEngine({ ...options, ...fake }),
  openTwin: async (options) => createFakeTrajectoryEngine(options),
  prompts: ['a red circle', 'a green square'],
});

describeTrajectoryEngine(subjectOf('fake model of pictures'));
const diffusion = { scheduler: DDIM, hasFixedSize: true };
describeTrajectoryEngine({
  ...subjectOf('fake diffusion model of one size', diffusion),
  openTwin: async (options) => createFakeTrajectoryEngine({ ...options, ...diffusion }),
});

/** Returns the rules that an engine with this fault breaks. */
async function findBroken(fault: FakeTrajectoryOptions): Promise<string[]> {
  const subject = subjectOf('faulty', fault);
  const broken: string[] = [];
  for (const { name, test } of TRAJECTORY_RULES) {
    const open = (other?: 'own' | 'twin') =>
      other === 'twin' ? subject.openTwin({ maxQueue: 2 }) : subject.open({ maxQueue: 2 });
    await test(open, subject).catch(() => broken.push(name));
  }
  return broken;
}

const bend = (change: (model: DenoisingModel) => Partial<DenoisingModel>): FakeTrajectoryOptions => ({
  bend: (model) => ({ ...model, ...change(model) }),
});
const TWIN = 'computes what another engine of its model and class computes';
const AGAIN = 'computes a step again with the bits of its picture, with every sampler of its kind';
const BESIDE = 'computes the same bits alone and beside another picture';
const WINDOW = 'guides the steps of a window alone, and yields both answers of a step with momentum';
const GUIDES = 'guides by the fixed formula, and reads no negative prompt without guidance';

describe('the compliance suite', () => {
  it('finds no broken rule in an honest engine', async () => {
    expect(await findBroken({})).toEqual([]);
  });

  let runs = 0;
  it.each<[string, FakeTrajectoryOptions, string[]]>([
    ['is another model', { error: 1e-6 }, [TWIN]],
    [
      'says that nobody can reproduce it',
      { exact: false },
      ['describes itself', AGAIN, TWIN, 'says that it is exact for its own class alone'],
    ],
    [
      'guides less than the request says',
      bend((model) => ({
        denoise: (request, isCancelled) =>
          model.denoise({ ...request, guidance: Math.max(1, request.guidance - 1) }, isCancelled),
      })),
      [TWIN, GUIDES],
    ],
    [
      'reads no prompt',
      bend((model) => ({ denoise: (request, isCancelled) => model.denoise({ ...request, prompt: '' }, isCancelled) })),
      [TWIN, BESIDE, GUIDES, WINDOW],
    ],
    [
      'guides a step with momentum by itself',
      bend((model) => ({
        denoise: (request, isCancelled) => model.denoise({ ...request, both: false }, isCancelled),
      })),
      [WINDOW],
    ],
    [
      'computes other bits in each run',
      bend((model) => ({
        async denoise(request, isCancelled) {
          const result = await model.denoise(request, isCancelled);
          const error = 1e-5 * ++runs;
          return { ...result, output: result.output.map((value) => value + error) };
        },
      })),
      [AGAIN, TWIN, BESIDE, GUIDES, WINDOW],
    ],
    [
      'decodes to a picture of one colour',
      bend((model) => ({ decode: async (request) => (await model.decode(request)).fill(7) })),
      [TWIN, 'decodes a latent to the pixels of a picture'],
    ],
  ])('catches an engine that %s', async (_what, fault, rules) => {
    expect(await findBroken(fault)).toEqual(rules);
  });
});
