import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planSlabs } from '@ogong/models/slabs/plan-slabs';
import { openTensorReader, readSourceModel } from '@ogong/models/slabs/source-model';
import { writeSlab } from '@ogong/models/slabs/write-slab';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveModel } from '../llama-quantizer.ts';
import { openSegmentComparison } from './compare-segments.ts';

let folder: string;
let vocabularyFrom: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-segments-'));
  vocabularyFrom = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cut(modelPath: string, edges: readonly number[]): readonly string[] {
  const model = readSourceModel(modelPath);
  const reader = openTensorReader(model);
  try {
    return planSlabs(model, edges).map((plan) => {
      const path = `${modelPath}-${plan.from}-${plan.to}.gguf`;
      writeSlab(path, plan, reader);
      return path;
    });
  } finally {
    reader.close();
  }
}

describe('llama', () => {
  it('two segments give the bits of the whole model', async () => {
    const path = join(folder, 'llama.gguf');
    writeRandomArchitecture(path, { recipe: deepen(findArchitecture('llama'), 2), seed: 7, vocabularyFrom });
    const comparison = openSegmentComparison(path, cut(path, [2]));
    const run = { sequences: 1, promptTokens: 40, pieceRows: 16, steps: 24, guesses: 3, seed: 1 };
    expect(await comparison.run(run)).toMatchObject({ differing: 0, rows: 60 });
    expect(await comparison.run({ ...run, sequences: 4 })).toMatchObject({ differing: 0 });
    await comparison.close();
  });
});
