import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeRandomEncoder } from '@ogong/testing/models/random-encoder';
import { writeRandomProjector } from '@ogong/testing/models/random-projector';
import { type FolderHub, startFolderHub } from '@ogong/testing/models/served-folder';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectEncoderFolder } from '../encoder-folder.ts';
import { pickProjector } from '../hub.ts';
import { hashModelFolder } from '../model-folder.ts';
import { composeModelRoot, hashModelFile } from '../model-root.ts';
import { bringModel, type ResolvedModel } from '../resolve.ts';
import { createEncoderReference } from '../source.ts';
import { createModelStore } from '../store.ts';
import { findProjectorFile } from './find-projector.ts';
import { openProjector } from './projector-folder.ts';

const MODEL = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
const directory = createTestDirectory('resolve-projector');
afterAll(() => directory.remove());

let hub: FolderHub;
let [count, storeDir, folder, projector] = [0, '', '', ''];
beforeEach(async () => {
  hub = await startFolderHub();
  storeDir = join(directory.path, `store-${++count}`);
  folder = join(directory.path, `model-${count}`);
  mkdirSync(folder);
  projector = join(folder, 'mmproj-model-f16.gguf');
  writeRandomProjector(projector, 'llava', { seed: count, type: 'f16' });
});
afterEach(() => hub.close());
const bring = (reference: string): Promise<ResolvedModel> =>
  bringModel(reference, { storeDir, hub: { endpoint: hub.endpoint }, backoffMs: 1, openProjector });

async function expectBoth({ encoderPath = '', modelRoot, path }: ResolvedModel): Promise<void> {
  expect(path).toBe(MODEL);
  const encoder = inspectEncoderFolder(encoderPath);
  expect(encoder.files).toContain('onnx/mmproj.gguf');
  const base = (await hashModelFile(MODEL)).modelRoot;
  expect(modelRoot).toEqual(composeModelRoot(base, [(await hashModelFolder(encoder)).modelRoot]));
}

describe('a projector beside a model', () => {
  it('is its encoder, named by the file or by its folder', async () => {
    const model = await bring(`${MODEL}+file:${projector}`);
    await expectBoth(model);
    copyFileSync(MODEL, join(folder, 'model.gguf'));
    expect(await bring(`${MODEL}+file:${folder}`)).toEqual(model);
  });

  it('is refused as the language model', async () => {
    await expect(bring(projector)).rejects.toMatchObject({
      ...{ code: 'bad-reference', message: expect.stringContaining('is a projector and no language model') },
    });
  });

  it('is one too many beside another encoder', async () => {
    await expect(bring(`${MODEL}+file:${projector}+file:${TINY_VISION_MODEL}`)).rejects.toThrow(
      'names 2 encoders of pictures',
    );
  });

  it('is named by its path, not by a repository of that name', () => {
    const never = (): boolean => false;
    expect(createEncoderReference('maker/mmproj-F16.gguf', never)).toBe('file:maker/mmproj-F16.gguf');
    expect(createEncoderReference('file:/a/mmproj.gguf', never)).toBe('file:/a/mmproj.gguf');
    expect(createEncoderReference('maker/vision-GGUF', never)).toBe('hf:maker/vision-GGUF:encoder');
  });

  it('is not looked for in a folder with a network', () => {
    const encoder = writeRandomEncoder('llava', folder);
    copyFileSync(projector, join(encoder, 'mmproj.gguf'));
    expect([encoder, folder, MODEL].map(findProjectorFile)).toEqual([undefined, projector, undefined]);
  });
});

it.each([
  [['mmproj-x-Q8_0.gguf'], 'mmproj-x-Q8_0.gguf'],
  [['mmproj-BF16.gguf', 'mmproj-F16.gguf', 'mmproj-F32.gguf'], 'mmproj-F16.gguf'],
  [['mmproj-BF16.gguf', 'mmproj-F32.gguf'], 'mmproj-BF16.gguf'],
  [['mmproj-a-Q8_0.gguf', 'mmproj-a-f32.gguf'], 'mmproj-a-f32.gguf'],
])('of %j one is picked', (names, picked) => {
  expect(pickProjector(names, 'maker/vision')).toBe(picked);
});

it.each([[['mmproj-a.gguf', 'mmproj-b.gguf']], [['mmproj-a-f16.gguf', 'mmproj-b-f16.gguf']]])(
  'of %j none is picked',
  (names) => {
    expect(() => pickProjector(names, 'maker/vision')).toThrow('maker/vision has several projectors');
  },
);

describe('a projector on a hub', () => {
  const REFERENCE = `${MODEL}+hf:maker/vision:encoder`;
  const serve = (): void => {
    copyFileSync(MODEL, join(folder, 'model-Q8_0.gguf'));
    hub.repositories.set('maker/vision', folder);
  };

  it('is fetched alone, once', async () => {
    serve();
    writeRandomProjector(join(folder, 'mmproj-model-bf16.gguf'), 'llava', { type: 'bf16' });
    const model = await bring(REFERENCE);
    await expectBoth(model);
    expect([...hub.fetched]).toEqual(['mmproj-model-f16.gguf']);
    const requests = hub.requests();
    expect(await bring(REFERENCE)).toEqual(model);
    expect(hub.requests()).toBe(requests);
    expect((await createModelStore(storeDir).list()).map((each) => each.folder)).toEqual(['encoder']);
  });

  it('is the one that a user named by its path elsewhere: both have one root', async () => {
    serve();
    expect((await bring(REFERENCE)).modelRoot).toEqual((await bring(`${MODEL}+file:${projector}`)).modelRoot);
  });

  it('leaves the language model of the repository as it is', async () => {
    serve();
    const { encoderPath, modelRoot } = await bring('hf:maker/vision:q8_0');
    expect([encoderPath, modelRoot]).toEqual([undefined, (await hashModelFile(MODEL)).modelRoot]);
  });

  it('is no language model', async () => {
    hub.repositories.set('maker/vision', folder);
    await expect(bring('hf:maker/vision')).rejects.toThrow('--mmproj maker/vision');
  });

  it('is refused if it is of another kind', async () => {
    copyFileSync(MODEL, projector);
    hub.repositories.set('maker/vision', folder);
    await expect(bring(REFERENCE)).rejects.toThrow('is no projector: its architecture is');
  });
});
