import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectReply, createRequest, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { writeSplitModel } from '@ogong/testing/models/split-model';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLlamaEngine } from './engine.ts';
import { inspectModelFile } from './model-file.ts';
import { verifyModel } from './verified-model.ts';

const WHOLE = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
let folder: string;
let shards: [string, string, string];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-split-'));
  shards = writeSplitModel(WHOLE, join(folder, 'tiny'), 3) as [string, string, string];
});
afterEach(() => rmSync(folder, { recursive: true }));

const problemOf = (path: string): string => {
  try {
    inspectModelFile(path);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

it('a model in three files answers as the whole one does, under a root of its own', async () => {
  const settings = { contextSize: 128, sequences: 1, threads: 1 };
  const whole = await createLlamaEngine({ ...settings, modelPath: WHOLE });
  const split = await createLlamaEngine({ ...settings, modelPath: shards[0] });
  try {
    const request = createRequest('Once upon a time', { maxTokens: 24 });
    const [one, other] = [await collectReply(whole.generate(request)), await collectReply(split.generate(request))];
    expect(other.windows).toEqual(one.windows);
    const { exact, windows } = await split.score(createScoreRequest(split, request, one));
    expect([exact, windows]).toEqual([true, one.windows]);
    expect(split.info().modelRoot).not.toEqual(whole.info().modelRoot);
  } finally {
    await Promise.all([whole.close(), split.close()]);
  }
});

it('its memory is that of all its files, by their headers', () => {
  const { path: _path, stamp: _stamp, ...facts } = inspectModelFile(shards[0]);
  const { path: _other, stamp: _when, ...whole } = inspectModelFile(WHOLE);
  expect(facts).toEqual(whole);
});

it('every file is hashed, so that one bent byte of the last is another root', async () => {
  const before = (await verifyModel(shards[0])).modelRoot;
  const bytes = readFileSync(shards[2]);
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
  writeFileSync(shards[2], bytes);
  await expect(verifyModel(shards[0], { modelRoot: before })).rejects.toMatchObject({ code: 'model-corrupt' });
});

it('files that are missing, swapped, cut, too few or opened from the middle are named', () => {
  expect(problemOf(shards[1])).toContain(`open the first: ${shards[0]}`);
  const spare = join(folder, 'spare');
  copyFileSync(shards[1], spare);
  copyFileSync(shards[2], shards[1]);
  expect(problemOf(shards[0])).toContain(`${shards[1]}: this is file 3 of the model, its name says 2`);
  writeFileSync(shards[1], readFileSync(spare).subarray(0, -4096));
  expect(problemOf(shards[0])).toMatch(/00002-of-00003\.gguf: .*cut short/);
  rmSync(shards[1]);
  expect(problemOf(shards[0])).toContain(`${shards[1]} is missing`);
  renameSync(spare, join(folder, 'two-00002-of-00002.gguf'));
  renameSync(shards[0], join(folder, 'two-00001-of-00002.gguf'));
  expect(problemOf(join(folder, 'two-00001-of-00002.gguf'))).toContain('split into 3 files, its name says 2');
});
