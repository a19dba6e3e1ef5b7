import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { type FolderHub, startFolderHub } from '@ogong/testing/models/served-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveModel } from './resolve-model.ts';

const directory = createTestDirectory('resolve-model');
let hub: FolderHub;
beforeAll(async () => {
  hub = await startFolderHub();
});
afterAll(async () => {
  await hub.close();
  directory.remove();
});

it.each<[string, string, object, RegExp]>([
  [
    'a pipeline',
    'model_index.json',
    { _class_name: 'KandinskyPipeline' },
    /^maker\/pictures: a pipeline KandinskyPipeline/,
  ],
  ['a scheduler', 'scheduler/scheduler_config.json', { _class_name: 'LCMScheduler' }, /LCMScheduler/],
  ['a decoder', 'vae_decoder/config.json', { latent_channels: 16 }, /reads 4 channels and vae_decoder 16/],
])('a repository with %s that no engine runs is refused before tokenizers and networks are fetched', async (...row) => {
  const [, file, fields, message] = row;
  const folder = writeRandomPictures('sd', mkdtempSync(join(directory.path, 'test-')));
  const path = join(folder, file);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...fields }));
  hub.repositories.set('maker/pictures', folder);
  hub.fetched.length = 0;
  const storeDir = mkdtempSync(join(directory.path, 'store-'));
  await expect(resolveModel('hf:maker/pictures', { storeDir, hub: { endpoint: hub.endpoint } })).rejects.toMatchObject({
    ...{ code: 'corrupt', message: expect.stringMatching(message) },
  });
  expect(hub.fetched).toContain('model_index.json');
  expect(hub.fetched.every((each) => each.endsWith('.json'))).toBe(true);
  expect(hub.fetched).not.toContain('tokenizer/vocab.json');
});
