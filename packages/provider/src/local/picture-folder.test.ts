import { resolveModel } from '@ogong/engine/resolve-model';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { copyPictureModel, pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { weighModel } from '../engine/footprint.ts';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import type { ShelfModel } from './model-shelf.ts';
import { shelveResolved } from './store-shelf.ts';

const NAME = 'tiny-shapes-flow-dit';
const PATH = pathOfPictureModel(NAME);
const directory = createTestDirectory('picture-folder');
const resolve = (path: string) => resolveModel(path, { storeDir: directory.path });

let fixture: LocalFixture;
let model: ShelfModel;
beforeAll(async () => {
  model = shelveResolved(PATH, await resolve(PATH));
  fixture = await createLocalFixture({ models: [model], open: () => createFakeTrajectoryEngine() });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});

const get = async (path: string) => (await fetch(`${fixture.base}${path}`)).json();

it('a model folder is listed and shown like a file', async () => {
  const details = {
    format: 'onnx',
    parameter_size: expect.stringMatching(/^\d+\.\d\d[KM]$/),
    quantization_level: 'F32',
  };
  const entry = { name: `${NAME}:latest`, size: model.sizeBytes, digest: model.modelRoot, details };
  expect(await get('/api/tags')).toMatchObject({ models: [entry] });
  expect(await get('/v1/models')).toMatchObject({ data: [{ id: NAME }] });
  expect(await get('/machine')).toMatchObject({ models: [{ name: NAME, size_bytes: model.sizeBytes, writes: false }] });
  const shown = await (await fixture.post('/api/show', { model: NAME })).json();
  expect(shown).toMatchObject({ capabilities: ['image'], details, modelfile: `FROM ${PATH}\n` });
});

it('a model folder makes pictures by its name', async () => {
  const response = await fixture.post('/v1/images/generations', { model: NAME, prompt: 'a red circle', steps: 1 });
  expect([response.status, fixture.loads]).toEqual([200, [`file:${PATH}`]]);
});

it('the root, size and memory of a model folder are those of its files', async () => {
  const found = await resolve(`file:${PATH}`);
  expect([toHex(found.modelRoot), found.name]).toEqual([model.modelRoot, NAME]);
  const copy = copyPictureModel(NAME, directory.path);
  expect((await resolve(copy)).modelRoot).toEqual(found.modelRoot);
  const engine = createFakeTrajectoryEngine();
  const { weights, total } = weighModel({ engine, model: found }, {});
  // The runtime and the values of a run are part of the memory.
  expect([weights, total > model.sizeBytes, total < 2 ** 30]).toEqual([0, true, true]);
});

it('a folder without model_index.json is no model', async () => {
  await expect(resolve(directory.path)).rejects.toThrow(
    /is no file; a model is one GGUF or ONNX file, or a folder with/,
  );
});
