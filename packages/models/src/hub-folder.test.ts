import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { writeRandomEncoder } from '@ogong/testing/models/random-encoder';
import { writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { type FolderHub, startFolderHub } from '@ogong/testing/models/served-folder';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DownloadProgress } from './download.ts';
import { inspectEncoderFolder } from './encoder-folder.ts';
import { hashModelFolder, inspectModelFolder } from './model-folder.ts';
import { composeModelRoot, hashModelFile } from './model-root.ts';
import { bringModel } from './resolve.ts';
import { createEncoderReference } from './source.ts';
import { createModelStore } from './store.ts';

const directory = createTestDirectory('hub-folder');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

let hub: FolderHub;
let storeDir: string;
beforeEach(async () => {
  hub = await startFolderHub();
  storeDir = createFolder();
});
afterEach(() => hub.close());

const bring = (reference: string, more: { onProgress?: (progress: DownloadProgress) => void } = {}) =>
  bringModel(reference, { storeDir, hub: { endpoint: hub.endpoint }, backoffMs: 1, ...more });
const PICTURES = 'hf:maker/pictures';
const ENCODER = 'hf:maker/vision:encoder';

/** Serves a model of pictures, with files beside it that no engine reads. */
function servePictures(): string {
  const folder = writeRandomPictures('sd', createFolder(), { isSplit: true });
  writeFileSync(join(folder, 'README.md'), 'a file that no engine reads');
  writeFileSync(join(folder, 'unet/model_fp16.onnx'), 'another variant');
  writeFileSync(join(folder, 'unet/diffusion_pytorch_model.safetensors'), 'other weights');
  hub.repositories.set('maker/pictures', folder);
  return folder;
}

/** Serves an encoder of pictures beside its variants and the parts of a language model. */
function serveEncoder(kind: 'smolvlm' | 'qwen2_vl'): string {
  const folder = writeRandomEncoder(kind, createFolder());
  for (const name of ['vision_encoder_fp16', 'vision_encoder_q4', 'embed_tokens', 'decoder_model_merged_q4'])
    writeFileSync(join(folder, `onnx/${name}.onnx`), encodeOnnx({ operators: ['Add'] }));
  for (const name of ['tokenizer.json', 'generation_config.json']) writeFileSync(join(folder, name), '{}');
  hub.repositories.set('maker/vision', folder);
  return folder;
}

describe('a model of pictures on a hub', () => {
  it('is fetched with the files that an engine reads alone, once', async () => {
    const folder = servePictures();
    const progress: DownloadProgress[] = [];
    const model = await bring(PICTURES, { onProgress: (each) => void progress.push(each) });
    const here = inspectModelFolder(folder);
    expect([...hub.fetched].sort()).toEqual(here.files);
    expect(here.files).toEqual(expect.arrayContaining(['unet/model.onnx_data', 'tokenizer/merges.txt']));
    expect(inspectModelFolder(model.path).files).toEqual(here.files);
    const { modelRoot } = await hashModelFolder(here);
    expect(model).toEqual({ name: 'maker/pictures', path: model.path, modelRoot, commit: 'c'.repeat(40) });
    expect((await hashModelFolder(inspectModelFolder(model.path))).modelRoot).toEqual(modelRoot);
    const network = readFileSync(join(folder, 'unet/model.onnx'));
    expect(progress).toContainEqual(
      expect.objectContaining({
        ...{ file: 'unet/model.onnx', receivedBytes: network.length, totalBytes: network.length },
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      }),
    );
    const requests = hub.requests();
    expect(await bring(PICTURES)).toEqual(model);
    expect(hub.requests()).toBe(requests);
    // Where it lies now, it is the same model.
    expect((await bring(`file:${model.path}`)).modelRoot).toEqual(modelRoot);
  });

  it('is listed, checked and removed as any model', async () => {
    servePictures();
    const { path } = await bring(PICTURES);
    const store = createModelStore(storeDir);
    const [manifest] = await store.list();
    expect(manifest).toMatchObject({ name: 'maker/pictures', folder: 'model', source: PICTURES });
    if (manifest === undefined) return;
    expect(await store.listDamaged(manifest)).toEqual([]);
    // Two equal files are one blob, and the second one is a copy.
    writeFileSync(join(path, 'vae_encoder/config.json'), '{}');
    expect(await store.listDamaged(manifest)).not.toEqual([]);
    expect(await store.remove('maker/pictures')).toBe(true);
    expect([readdirSync(join(storeDir, 'blobs')), readdirSync(join(storeDir, 'folders'))]).toEqual([[], []]);
  });

  it('goes on where a connection was cut', async () => {
    const folder = servePictures();
    const path = 'unet/model.onnx';
    const content = readFileSync(join(folder, path));
    hub.faults.set(path, [
      (_request, response) => {
        response.writeHead(200, { etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': content.length });
        response.write(content.subarray(0, 700), () => setTimeout(() => response.destroy(), 200));
      },
      (request, response) => {
        expect(request.headers.range).toBe(`bytes=700-${content.length - 1}`);
        const rest = content.subarray(700);
        const range = `bytes 700-${content.length - 1}/${content.length}`;
        response.writeHead(206, { etag: '"v1"', 'content-length': rest.length, 'content-range': range }).end(rest);
      },
    ]);
    const model = await bring(PICTURES);
    expect(await readFile(join(model.path, path))).toEqual(content);
    expect(hub.fetched.filter((each) => each === path)).toHaveLength(2);
  });

  it.each(['tokenizer/merges.txt', 'text_encoder/model.onnx', 'scheduler/scheduler_config.json'])(
    'is refused without %s before a network is fetched',
    async (file) => {
      rmSync(join(servePictures(), file));
      const missing = file === 'tokenizer/merges.txt' ? 'tokenizer/tokenizer.json' : file;
      await expect(bring(PICTURES)).rejects.toMatchObject({
        ...{ code: 'not-found', message: expect.stringContaining(`maker/pictures has no ${missing}`) },
      });
      expect(hub.fetched).toEqual(['model_index.json']);
      expect(createModelStore(storeDir).find('maker/pictures')).toBeUndefined();
    },
  );

  it('is refused without the weights beside a network', async () => {
    rmSync(join(servePictures(), 'unet/model.onnx_data'));
    await expect(bring(PICTURES)).rejects.toThrow('maker/pictures has no unet/model.onnx_data');
  });

  it.each([
    ['a small file', 'unet/config.json', "unet/config.json has Git's hash"],
    ['a network', 'unet/model.onnx', 'unet/model.onnx has sha256'],
  ])('is refused with other bytes of %s', async (_what, path, message) => {
    const content = readFileSync(join(servePictures(), path));
    const wrong = Buffer.from(content);
    wrong[wrong.length - 2] = 65;
    const answer: NonNullable<ReturnType<FolderHub['faults']['get']>>[number] = (_request, response) =>
      response.writeHead(200, { 'content-length': wrong.length }).end(wrong);
    hub.faults.set(path, [answer]);
    await expect(bring(PICTURES)).rejects.toMatchObject({
      ...{ code: 'wrong-hash', message: expect.stringContaining(message) },
    });
    expect(readdirSync(join(storeDir, 'partial'))).toEqual([]);
    expect((await bring(PICTURES)).name).toBe('maker/pictures');
  });

  it('has one type of weights', async () => {
    servePictures();
    await expect(bring(`${PICTURES}:q8_0`)).rejects.toMatchObject({
      ...{ code: 'bad-reference', message: expect.stringContaining('ask for it without q8_0') },
    });
  });

  it('shares no link with another model, since a new link would change the stamp of a loaded file', async () => {
    const folder = servePictures();
    hub.repositories.set('other/pictures', folder);
    const first = await bring(PICTURES);
    const { files } = await hashModelFolder(inspectModelFolder(first.path));
    await bring('hf:other/pictures');
    expect((await hashModelFolder(inspectModelFolder(first.path))).files).toEqual(files);
  });
});

describe('an encoder of pictures on a hub', () => {
  const MODEL = join(TINY_VISION_MODEL, 'model-q8_0.gguf');

  it.each(['smolvlm', 'qwen2_vl'] as const)('%s is fetched without its variants, once', async (kind) => {
    const folder = serveEncoder(kind);
    const model = await bring(`${MODEL}+${ENCODER}`);
    expect([...hub.fetched].sort()).toEqual([
      ...['config.json', 'onnx/vision_encoder.onnx', 'preprocessor_config.json'],
    ]);
    const { modelRoot } = await hashModelFolder(inspectEncoderFolder(folder));
    const base = (await hashModelFile(MODEL)).modelRoot;
    expect(model).toMatchObject({ name: 'model-q8_0', path: MODEL, modelRoot: composeModelRoot(base, [modelRoot]) });
    expect(inspectEncoderFolder(model.encoderPath as string).files).toEqual(inspectEncoderFolder(folder).files);
    const requests = hub.requests();
    expect(await bring(`${MODEL}+${ENCODER}`)).toEqual(model);
    expect(hub.requests()).toBe(requests);
  });

  it.each(['config.json', 'preprocessor_config.json', 'onnx/vision_encoder.onnx'])(
    'is refused without %s',
    async (file) => {
      rmSync(join(serveEncoder('smolvlm'), file));
      await expect(bring(`${MODEL}+${ENCODER}`)).rejects.toThrow(`maker/vision has no ${file}`);
      expect(hub.fetched).toEqual([]);
    },
  );

  it('is no language model', async () => {
    serveEncoder('smolvlm');
    await expect(bring('hf:maker/vision')).rejects.toMatchObject({
      ...{ code: 'bad-reference', message: expect.stringContaining('--mmproj maker/vision') },
    });
  });

  it('is named by its folder or its repository', () => {
    const hasFolder = (path: string): boolean => path === 'my/folder';
    const commit = 'a'.repeat(40);
    for (const [name, reference] of [
      ['my/folder', 'file:my/folder'],
      ['maker/vision', ENCODER],
      ['hf:maker/vision', ENCODER],
      [ENCODER, ENCODER],
      [`maker/vision@${commit}`, `hf:maker/vision@${commit}:encoder`],
      ['./maker/vision', 'file:./maker/vision'],
      ['/maker/vision', 'file:/maker/vision'],
      ['vision', 'file:vision'],
    ] as const)
      expect(createEncoderReference(name, hasFolder)).toBe(reference);
  });
});
