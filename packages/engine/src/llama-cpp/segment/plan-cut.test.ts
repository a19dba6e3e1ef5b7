import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSourceModel } from '@ogong/models/slabs/source-model';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, expect, it } from 'vitest';
import { BATCH_ROWS, estimateMemory } from '../device/memory.ts';
import { planCut } from './plan-cut.ts';
import { inspectSegmentFile } from './segment-file.ts';

const DONOR = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-plan-cut-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each(['granite-hybrid', 'deepseek-v2', 'gemma3'])('plans each slab of %s as the engine counts its file', (name) => {
  const path = join(folder, `${name}.gguf`);
  writeRandomArchitecture(path, { recipe: deepen(findArchitecture(name), 2), seed: 1, vocabularyFrom: DONOR });
  const model = readSourceModel(path);
  const shape = { contextSize: 16_384, sequences: 7 };
  const { whole } = planCut(model, { ...shape, memoryBytes: 1 });
  const { slabs } = planCut(model, { ...shape, memoryBytes: whole.totalBytes - 1 });
  const files = writeSlabs(
    path,
    slabs.slice(1).map(({ from }) => from),
  ).map(inspectSegmentFile);
  expect(files.length).toBeGreaterThan(1);
  expect(slabs.map(({ kvBytes }) => kvBytes)).toEqual(
    files.map((file) => estimateMemory(file, { ...shape, sequences: shape.sequences + 1, batchSize: BATCH_ROWS }).kv),
  );
});
