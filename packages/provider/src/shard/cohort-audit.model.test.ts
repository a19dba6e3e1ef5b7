import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { llamaQuantizer, resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { createSegmentAttack, SEGMENT_ATTACKS } from '@ogong/testing/engine/segment-attackers';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { auditModelCohort } from '@ogong/testing/provider/audited-cohort';
import {
  COHORT_CONTEXT,
  COHORT_EDGES,
  COHORT_SEQUENCES,
  type ModelCohortOptions,
} from '@ogong/testing/provider/model-cohort';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let cheap: string;
let modelRoot: Uint8Array;
let whole: TextEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-cohort-audit-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  path = join(folder, 'stories260K.gguf');
  cheap = join(folder, 'cheap.gguf');
  copyFileSync(model.path, path);
  await llamaQuantizer.quantize(path, cheap, 'q4_0');
  whole = await createLlamaEngine({ modelPath: path, contextSize: COHORT_CONTEXT, sequences: 1, threads: 1 });
  closing.push(() => whole.close());
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const audit = (bend?: ModelCohortOptions['bend']) =>
  auditModelCohort({ path, modelRoot, closing, whole, ...(bend && { bend }) });

describe('the audit of a reply that a cohort served', () => {
  it('accepts the rows and windows of honest shards', async () => {
    expect(await audit()).toEqual({ outcome: 'accept', culprit: undefined, failed: [] });
  });

  it.each([
    ...SEGMENT_ATTACKS.map((attack) => [attack, 1] as const),
    ['swap-segment', 0] as const,
    ['less-precision', 0] as const,
  ])('names the shard that cheats, and no other: %s at place %i', async (attack, place) => {
    const options = segmentOptionsOf({ contextSize: COHORT_CONTEXT, sequences: COHORT_SEQUENCES });
    const open = (file: string, layers?: number): SegmentEngine => {
      const slab = writeSlabs(file, COHORT_EDGES)[place] as string;
      const segment = openSegmentModel(slab, { ...options, ...(layers !== undefined && { layers }) });
      closing.push(() => segment.close());
      return segment;
    };
    const verdict = await audit((honest, at) => {
      if (at !== place) return honest;
      const layers = Math.max(1, honest.info().layers - 1);
      return createSegmentAttack(attack, { honest, swapped: open(cheap), shorter: open(path, layers) });
    });
    expect(verdict).toEqual({ outcome: 'reject', culprit: place, failed: ['boundary'] });
  });
});
