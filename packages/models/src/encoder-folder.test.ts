import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { copyVisionModel, TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { findLanguageModel, inspectEncoderFolder, isEncoderFolder } from './encoder-folder.ts';
import { hashModelFolder } from './model-folder.ts';
import { composeModelRoot, hashModelFile } from './model-root.ts';
import { bringModel } from './resolve.ts';

const directory = createTestDirectory('encoder');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));
const copy = (): string => copyVisionModel(createFolder());
const rootOf = async (path: string): Promise<string> =>
  toHex((await hashModelFolder(inspectEncoderFolder(path))).modelRoot);
const MODEL = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
const bring = (reference: string) => bringModel(reference, { storeDir: createFolder() });

describe('a folder of an encoder', () => {
  it('is read with its three files alone', async () => {
    const { files, config, preprocessor, sizeBytes } = inspectEncoderFolder(TINY_VISION_MODEL);
    expect(files).toEqual(['config.json', 'onnx/vision_encoder.onnx', 'preprocessor_config.json']);
    expect([config.model_type, preprocessor.resample, sizeBytes]).toEqual(['tiny-shapes-vision', 3, 552_424]);
    const path = copy();
    const root = await rootOf(path);
    expect(root).toBe(await rootOf(TINY_VISION_MODEL));
    rmSync(join(path, 'model-q8_0.gguf'));
    writeFileSync(join(path, 'onnx/other.onnx'), 'a file that no engine reads');
    expect(await rootOf(path)).toBe(root);
    writeFileSync(join(path, 'preprocessor_config.json'), '{}');
    expect(await rootOf(path)).not.toBe(root);
  });

  it('includes the files beside the network that hold its weights', () => {
    const path = copy();
    const weights = [{ type: 1, values: 8, file: 'vision_encoder.onnx_data' }];
    writeFileSync(join(path, 'onnx/vision_encoder.onnx'), encodeOnnx({ operators: ['Add'], weights }));
    expect(() => inspectEncoderFolder(path)).toThrow(/has no onnx\/vision_encoder\.onnx_data/);
    writeFileSync(join(path, 'onnx/vision_encoder.onnx_data'), new Uint8Array(32));
    expect(inspectEncoderFolder(path).files).toContain('onnx/vision_encoder.onnx_data');
  });

  it.each<[string, (path: string) => void, string, RegExp]>([
    ['without a network', (path) => rmSync(join(path, 'onnx'), { recursive: true }), 'not-found', /is a folder with/],
    [
      'without its preparation',
      (path) => rmSync(join(path, 'preprocessor_config.json')),
      'not-found',
      /fetch the model/,
    ],
    ['of other JSON', (path) => writeFileSync(join(path, 'config.json'), '[]'), 'corrupt', /is no JSON object/],
    [
      'of other bytes',
      (path) => writeFileSync(join(path, 'onnx/vision_encoder.onnx'), 'no'),
      'corrupt',
      /no whole ONNX/,
    ],
    [
      'of a link',
      (path) => {
        renameSync(join(path, 'config.json'), join(path, 'other.json'));
        symlinkSync(join(path, 'other.json'), join(path, 'config.json'));
      },
      'corrupt',
      /is a link/,
    ],
  ])('%s is refused', (_what, change, code, message) => {
    const path = copy();
    change(path);
    expect(() => inspectEncoderFolder(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('is told from other folders by its network', () => {
    const paths = [TINY_VISION_MODEL, join(TINY_VISION_MODEL, 'onnx'), MODEL, join(directory.path, 'none')];
    expect(paths.map(isEncoderFolder)).toEqual([true, false, false, false]);
  });
});

describe('a language model beside its encoder', () => {
  it('has a root composed of both, however they are named', async () => {
    const { modelRoot } = await hashModelFolder(inspectEncoderFolder(TINY_VISION_MODEL));
    const base = (await hashModelFile(MODEL)).modelRoot;
    const both = { path: MODEL, encoderPath: TINY_VISION_MODEL, modelRoot: composeModelRoot(base, [modelRoot]) };
    expect(await bring(TINY_VISION_MODEL)).toEqual({ ...both, name: 'tiny-shapes-vision' });
    expect(await bring(`${MODEL}+file:${TINY_VISION_MODEL}`)).toEqual({ ...both, name: 'model-q8_0' });
    expect(await bring(MODEL)).toEqual({ name: 'model-q8_0', path: MODEL, modelRoot: base });
  });

  it('is named if there are several, or none', async () => {
    const path = copy();
    const model = join(path, 'model-q8_0.gguf');
    cpSync(model, join(path, 'model-00001-of-00002.gguf'));
    cpSync(model, join(path, 'model-00002-of-00002.gguf'));
    expect(() => findLanguageModel(path)).toThrow(
      /several GGUF files \(model-00001-of-00002\.gguf, model-q8_0\.gguf\)/,
    );
    rmSync(model);
    cpSync(model.replace('q8_0', '00001-of-00002'), join(path, 'mmproj-model.gguf'));
    expect(findLanguageModel(path)).toBe(join(path, 'model-00001-of-00002.gguf'));
    rmSync(join(path, 'model-00001-of-00002.gguf'));
    await expect(bring(path)).rejects.toMatchObject({
      ...{ code: 'bad-reference', message: expect.stringContaining('no GGUF file beside the encoder') },
    });
  });

  it('has one encoder', async () => {
    const other = copy();
    await expect(bring(`${TINY_VISION_MODEL}+file:${other}`)).rejects.toThrow(/names 2 encoders of pictures/);
    mkdirSync(join(other, 'empty'));
    await expect(bring(`${MODEL}+file:${join(other, 'empty')}`)).rejects.toThrow(
      /is no file; a model is one GGUF or ONNX file/,
    );
  });
});
