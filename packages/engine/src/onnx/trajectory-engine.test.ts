import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { copyPictureModel, type TinyPictureModel } from '@ogong/testing/models/picture-folder';
import { writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { type OnnxTrajectoryOptions, openTrajectoryEngine } from './trajectory-engine.ts';

const directory = createTestDirectory('pictures');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

const change = (path: string, fields: object): void =>
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...fields }));
const write = (path: string, sketch: Parameters<typeof encodeOnnx>[0]): void => writeFileSync(path, encodeOnnx(sketch));

/** Opens a changed copy of a model, in a place without a runtime: the model is refused before one is fetched. */
function openChanged(
  mend: (path: string) => void,
  { name = 'tiny-shapes-ddim-unet', ...options }: Partial<OnnxTrajectoryOptions> & { name?: TinyPictureModel } = {},
): Promise<unknown> {
  const folder = createFolder();
  const modelPath = copyPictureModel(name, folder);
  mend(modelPath);
  return openTrajectoryEngine({ modelPath, engineDir: join(folder, 'engine'), ...options });
}

describe('a model folder is refused before a runtime is fetched', () => {
  it.each<[string, (path: string) => void, string, RegExp]>([
    ['is no folder', (path) => rmSync(path, { recursive: true }), 'model-not-found', /no model folder/],
    [
      'misses a component',
      (path) => rmSync(join(path, 'unet'), { recursive: true }),
      'model-not-found',
      /no folder unet/,
    ],
    [
      'has a link',
      (path) => {
        rmSync(join(path, 'unet/config.json'));
        symlinkSync('../vae_decoder/config.json', join(path, 'unet/config.json'));
      },
      'model-corrupt',
      /is a link/,
    ],
    [
      'computes in integers of 8 bits',
      (path) => write(join(path, 'unet/model.onnx'), { operators: ['DynamicQuantizeLinear', 'MatMulInteger'] }),
      'unsupported-model',
      /rounds values to 8 bits while it computes \(DynamicQuantizeLinear, MatMulInteger\)/,
    ],
    [
      'rounds to 8 bits beside weights of 4 bits',
      (path) => write(join(path, 'unet/model.onnx'), { operators: ['com.microsoft:MatMulNBits'], accuracyLevel: 4 }),
      'unsupported-model',
      /MatMulNBits of accuracy level 4/,
    ],
    [
      'draws random numbers',
      (path) => write(join(path, 'vae_decoder/model.onnx'), { operators: ['RandomNormalLike'] }),
      'unsupported-model',
      /draws random numbers/,
    ],
    [
      'is of another pipeline',
      (path) => change(join(path, 'model_index.json'), { _class_name: 'KandinskyPipeline' }),
      'unsupported-model',
      /a pipeline KandinskyPipeline; possible are StableDiffusionPipeline/,
    ],
    [
      'lacks a component of its pipeline',
      (path) => change(join(path, 'model_index.json'), { text_encoder: [null, null] }),
      'unsupported-model',
      /names no text_encoder/,
    ],
    [
      'has more components than its pipeline runs',
      (path) => change(join(path, 'model_index.json'), { transformer: ['a', 'b'], unet: ['a', 'b'] }),
      'model-not-found',
      /no folder transformer/,
    ],
    [
      'has a scheduler without arithmetic here',
      (path) => change(join(path, 'scheduler/scheduler_config.json'), { _class_name: 'LCMScheduler' }),
      'unsupported-model',
      /LCMScheduler/,
    ],
    [
      'has a scheduler of another kind',
      (path) =>
        change(join(path, 'scheduler/scheduler_config.json'), { _class_name: 'FlowMatchEulerDiscreteScheduler' }),
      'unsupported-model',
      /scheduler of the kind "diffusion"/,
    ],
    [
      'decodes other latents',
      (path) => change(join(path, 'vae_decoder/config.json'), { latent_channels: 16 }),
      'unsupported-model',
      /reads 4 channels and vae_decoder 16/,
    ],
    [
      'states no size',
      (path) => change(join(path, 'unet/config.json'), { sample_size: null }),
      'unsupported-model',
      /"sample_size" is undefined/,
    ],
    [
      'cannot be scaled',
      (path) => change(join(path, 'vae_decoder/config.json'), { scaling_factor: 0 }),
      'unsupported-model',
      /"scaling_factor" is 0/,
    ],
  ])('one that %s', async (_what, mend, code, message) => {
    await expect(openChanged(mend)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('one whose own size has a shift that no model has', async () => {
    const folder = createFolder();
    const modelPath = writeRandomPictures('flux', folder);
    // The logarithm of the shift falls by 4 for each of the 240 tokens below 256.
    change(join(modelPath, 'scheduler/scheduler_config.json'), {
      ...{ base_shift: 0, max_shift: 4, base_image_seq_len: 256, max_image_seq_len: 257 },
    });
    await expect(openTrajectoryEngine({ modelPath, engineDir: join(folder, 'engine') })).rejects.toMatchObject({
      ...{
        code: 'unsupported-model',
        message: expect.stringMatching(/a shift whose logarithm is -960; possible are -8 to 8/),
      },
    });
  });

  it.each<[string, Partial<OnnxTrajectoryOptions>, string, RegExp]>([
    ['another root', { modelRoot: new Uint8Array(32) }, 'model-corrupt', /is not the one expected/],
    ['no threads', { threads: 0 }, 'invalid-request', /threads is 0/],
    ['a broken queue', { maxQueue: 1.5 }, 'invalid-request', /maxQueue is 1\.5/],
    ['little memory', { availableMemory: 2 ** 20 }, 'not-enough-memory', /1 MiB are free/],
  ])('with %s', async (_what, options, code, message) => {
    await expect(openChanged(() => undefined, options)).rejects.toMatchObject({
      ...{ code, message: expect.stringMatching(message) },
    });
  });
});
