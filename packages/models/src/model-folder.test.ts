import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { copyPictureModel, pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { hashModelFolder, inspectModelFolder, isModelFolder } from './model-folder.ts';
import { bringModel } from './resolve.ts';

const directory = createTestDirectory('folder');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

const NAME = 'tiny-shapes-ddim-unet';
const copy = (): string => copyPictureModel(NAME, createFolder());
const rootOf = async (path: string): Promise<string> =>
  toHex((await hashModelFolder(inspectModelFolder(path))).modelRoot);

describe('a model folder', () => {
  it('is read with the files of its components alone', () => {
    const folder = inspectModelFolder(pathOfPictureModel(NAME));
    expect(folder.pipeline).toBe('StableDiffusionPipeline');
    expect([...folder.components.keys()]).toEqual([
      ...['scheduler', 'text_encoder', 'tokenizer', 'unet', 'vae_decoder', 'vae_encoder'],
    ]);
    expect(folder.files).toEqual([
      ...['model_index.json', 'scheduler/scheduler_config.json', 'text_encoder/config.json', 'text_encoder/model.onnx'],
      ...['tokenizer/tokenizer.json', 'tokenizer/tokenizer_config.json', 'unet/config.json', 'unet/model.onnx'],
      ...['vae_decoder/config.json', 'vae_decoder/model.onnx', 'vae_encoder/config.json', 'vae_encoder/model.onnx'],
    ]);
    expect(folder.components.get('unet')).toMatchObject({ config: { in_channels: 4 }, sizeBytes: 3_133_363 });
    const paths = ['', 'unet', 'model_index.json', 'none'].map((name) => join(folder.path, name));
    expect(paths.map(isModelFolder)).toEqual([true, false, false, false]);
  });

  it('has a root of the paths and contents of these files', async () => {
    const path = copy();
    const root = await rootOf(path);
    expect(root).toBe('a1c9889478eb3d6b3e3bd8384d424ba5573e529fb61b0e84e6e030a67455a2d6');
    writeFileSync(join(path, 'README.md'), 'a file that no engine reads');
    writeFileSync(join(path, 'unet/other.onnx'), 'another one');
    expect(await rootOf(path)).toBe(root);
    truncateSync(join(path, 'vae_decoder/config.json'), 0);
    writeFileSync(join(path, 'vae_decoder/config.json'), '{}');
    expect(await rootOf(path)).not.toBe(root);
  });

  it('is brought as a model where it lies', async () => {
    const seen: string[] = [];
    const path = pathOfPictureModel(NAME);
    const options = { storeDir: createFolder(), inspect: (found: string) => void seen.push(found) };
    const model = await bringModel(path, options);
    expect({ ...model, modelRoot: toHex(model.modelRoot) }).toEqual({
      name: NAME,
      path,
      modelRoot: await rootOf(path),
    });
    expect(seen).toEqual([path]);
    await expect(bringModel(join(path, 'scheduler/'), options)).rejects.toMatchObject({
      message: expect.stringContaining('a model is one GGUF or ONNX file, or a folder with model_index.json'),
    });
  });

  it('includes the files beside a network that hold its weights', () => {
    const path = copy();
    const weights = [{ type: 1, values: 8, file: 'model.onnx_data' }];
    writeFileSync(join(path, 'unet/model.onnx'), encodeOnnx({ operators: ['Add'], weights }));
    expect(() => inspectModelFolder(path)).toThrow(/has no unet\/model\.onnx_data/);
    writeFileSync(join(path, 'unet/model.onnx_data'), new Uint8Array(32));
    expect(inspectModelFolder(path).files).toContain('unet/model.onnx_data');
  });

  it('may name both halves of the codec as one component', () => {
    const path = copy();
    const index = {
      _class_name: 'StableDiffusionPipeline',
      vae: ['diffusers', 'AutoencoderKL'],
      safety_checker: [null],
    };
    writeFileSync(join(path, 'model_index.json'), JSON.stringify(index));
    expect([...inspectModelFolder(path).components.keys()]).toEqual(['vae_decoder', 'vae_encoder']);
    rmSync(join(path, 'vae_encoder'), { recursive: true });
    expect([...inspectModelFolder(path).components.keys()]).toEqual(['vae_decoder']);
  });

  it.each<[string, (path: string) => void, string, RegExp]>([
    ['no folder', (path) => rmSync(path, { recursive: true }), 'not-found', /there is no model folder/],
    ['no index', (path) => rmSync(join(path, 'model_index.json')), 'not-found', /has no model_index\.json/],
    ['an index that is no JSON', (path) => writeFileSync(join(path, 'model_index.json'), '{'), 'corrupt', /no JSON/],
    [
      'an index that is a list',
      (path) => writeFileSync(join(path, 'model_index.json'), '[]'),
      'corrupt',
      /no JSON object/,
    ],
    ['no pipeline', (path) => writeFileSync(join(path, 'model_index.json'), '{}'), 'corrupt', /names no pipeline/],
    [
      'a component that nobody knows',
      (path) => writeFileSync(join(path, 'model_index.json'), '{"controlnet": ["diffusers", "ControlNetModel"]}'),
      'corrupt',
      /names controlnet/,
    ],
    [
      'a missing component',
      (path) => rmSync(join(path, 'unet'), { recursive: true }),
      'not-found',
      /has no folder unet/,
    ],
    [
      'a missing network',
      (path) => rmSync(join(path, 'unet/model.onnx')),
      'not-found',
      /has no unet\/model\.onnx; fetch/,
    ],
    [
      "PyTorch's weights",
      (path) => renameSync(join(path, 'unet/model.onnx'), join(path, 'unet/diffusion_pytorch_model.safetensors')),
      'not-found',
      /optimum-cli export onnx/,
    ],
    ['a slow tokenizer', (path) => rmSync(join(path, 'tokenizer/tokenizer.json')), 'not-found', /AutoTokenizer/],
    [
      'a huge configuration',
      (path) => truncateSync(join(path, 'unet/config.json'), 2 ** 20 + 1),
      'corrupt',
      /has 1048577 bytes, more than 1048576/,
    ],
    [
      'a network that is a link',
      (path) => {
        renameSync(join(path, 'unet/model.onnx'), join(path, 'elsewhere.onnx'));
        symlinkSync('../elsewhere.onnx', join(path, 'unet/model.onnx'));
      },
      'corrupt',
      /unet\/model\.onnx is a link/,
    ],
    [
      'a component that is a link',
      (path) => {
        renameSync(join(path, 'unet'), join(path, 'elsewhere'));
        symlinkSync('elsewhere', join(path, 'unet'));
      },
      'corrupt',
      /unet is a link/,
    ],
    [
      'a network that is a folder',
      (path) => {
        rmSync(join(path, 'unet/model.onnx'));
        mkdirSync(join(path, 'unet/model.onnx'));
      },
      'corrupt',
      /unet\/model\.onnx is a link or another special file/,
    ],
    [
      'a network that is no ONNX file',
      (path) => truncateSync(join(path, 'unet/model.onnx'), 1_000_000),
      'corrupt',
      /unet\/model\.onnx is no whole ONNX file/,
    ],
    ...['../vae_decoder/model.onnx', '/etc/passwd', 'deep/weights', '.hidden', 'a\nb'].map(
      (file): [string, (path: string) => void, string, RegExp] => [
        `weights in ${JSON.stringify(file)}`,
        (path) => writeFileSync(join(path, 'unet/model.onnx'), encodeOnnx({ weights: [{ type: 1, values: 8, file }] })),
        'corrupt',
        /they must lie beside it/,
      ],
    ),
    [
      'weights in its own configuration',
      (path) =>
        writeFileSync(
          join(path, 'unet/model.onnx'),
          encodeOnnx({ weights: [{ type: 1, values: 8, file: 'config.json' }] }),
        ),
      'corrupt',
      /twice/,
    ],
  ])('with %s is refused', (_what, change, code, message) => {
    const path = copy();
    change(path);
    expect(() => inspectModelFolder(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
