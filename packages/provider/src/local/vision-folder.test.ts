import { join } from 'node:path';
import { estimateModelMemory } from '@ogong/engine/model-size';
import { resolveModel } from '@ogong/engine/resolve-model';
import { inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { hashModelFolder } from '@ogong/models/model-folder';
import { composeModelRoot } from '@ogong/models/model-root';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { writeRandomProjector } from '@ogong/testing/models/random-projector';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addEncoder, listUnusedProjectors } from '../engine/encoder-flag.ts';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import type { ShelfModel } from './model-shelf.ts';
import { shelveAdapted, shelveResolved } from './store-shelf.ts';

const MODEL = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
const directory = createTestDirectory('vision-folder');
const resolve = (path: string) => resolveModel(path, { storeDir: directory.path });

let fixture: LocalFixture;
let both: ShelfModel;
let alone: ShelfModel;
beforeAll(async () => {
  both = shelveResolved(TINY_VISION_MODEL, await resolve(TINY_VISION_MODEL));
  alone = shelveResolved(MODEL, await resolve(MODEL));
  fixture = await createLocalFixture({ models: [both, alone] });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});

it('a model with an encoder is listed with both, and shown as one that sees', async () => {
  expect(both).toMatchObject({ name: 'tiny-shapes-vision', readsPictures: true });
  expect(both.sizeBytes).toBeGreaterThan(alone.sizeBytes + 552_424);
  expect(both.modelRoot).not.toBe(alone.modelRoot);
  // Loaded again by its reference, it is the same model.
  expect(shelveResolved(TINY_VISION_MODEL, await resolve(both.reference))).toEqual({
    ...both,
    ...{ name: 'model-q8_0', aliases: [TINY_VISION_MODEL, 'model-q8_0'] },
  });
  const show = async (model: string) => {
    const shown = (await (await fixture.post('/api/show', { model })).json()) as { readonly capabilities: string[] };
    return shown.capabilities;
  };
  expect(await show('tiny-shapes-vision')).toContain('vision');
  expect(await show('model-q8_0')).not.toContain('vision');
});

it('an adapter counts before the encoder in the digest', async () => {
  const path = join(directory.path, 'style.gguf');
  writeRandomAdapter(path, { model: MODEL, seed: 5, strength: 1 });
  const adapter = await resolve(path);
  const encoder = await hashModelFolder(inspectEncoderFolder(TINY_VISION_MODEL));
  const base = fromHex(alone.modelRoot);
  expect(both.modelRoot).toBe(toHex(composeModelRoot(base, [encoder.modelRoot])));
  const adapted = await shelveAdapted(both, adapter, resolve);
  expect(adapted.modelRoot).toBe(toHex(composeModelRoot(base, [adapter.modelRoot, encoder.modelRoot])));
  expect(adapted.readsPictures).toBe(true);
});

it('an encoder counts as memory', () => {
  const sizes = { contextSize: 128, sequences: 1, kvType: 'f16' } as const;
  const [without, beside] = [undefined, TINY_VISION_MODEL].map((encoderPath) =>
    estimateModelMemory(MODEL, { ...sizes, encoderPath }),
  );
  expect(beside?.weights).toBe(without?.weights);
  expect(beside?.total).toBeGreaterThan((without?.total ?? 0) + 552_424);
});

it('--mmproj adds an encoder to one model', () => {
  expect(addEncoder(['a', 'b'], undefined)).toEqual(['a', 'b']);
  expect(addEncoder([MODEL], TINY_VISION_MODEL)).toEqual([`${MODEL}+file:${TINY_VISION_MODEL}`]);
  for (const named of [[], ['a', 'b']])
    expect(() => addEncoder(named, TINY_VISION_MODEL)).toThrow(`--mmproj is for one model, and ${named.length} are`);
});

it('--mmproj names a projector in a GGUF file', async () => {
  const projector = join(directory.path, 'mmproj-f16.gguf');
  writeRandomProjector(projector, 'llava', { type: 'f16' });
  const [reference = ''] = addEncoder([MODEL], projector);
  expect(reference).toBe(`${MODEL}+file:${projector}`);
  const shelved = shelveResolved(reference, await resolve(reference));
  expect(shelved).toMatchObject({ readsPictures: true });
  expect(shelved.modelRoot).not.toBe(alone.modelRoot);
});

it.each([
  [MODEL, 'is no projector: its architecture is'],
  [join(directory.path, 'none.gguf'), 'there is no projector at'],
])('--mmproj refuses %s', (path, message) => {
  expect(() => addEncoder([MODEL], path)).toThrow(message);
});

it('a projector beside a language model is shown if nothing reads it', () => {
  const path = join(directory.path, 'model.gguf');
  const projector = join(directory.path, 'mmproj-f16.gguf');
  writeRandomProjector(projector, 'llava', { type: 'f16' });
  const text = { writes: true };
  expect(listUnusedProjectors({ path }, text)).toEqual([projector]);
  expect(listUnusedProjectors({ path, encoderPath: directory.path }, text)).toEqual([]);
  expect(listUnusedProjectors({ path }, { writes: false })).toEqual([]);
});
