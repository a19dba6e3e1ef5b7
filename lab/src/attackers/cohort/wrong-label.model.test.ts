import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine, UpstreamRows } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { auditModelCohort } from '@ogong/testing/provider/audited-cohort';
import {
  COHORT_CONTEXT,
  COHORT_EDGES,
  COHORT_SEQUENCES,
  type ModelCohortOptions,
} from '@ogong/testing/provider/model-cohort';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disguiseSegment } from './attack.ts';
import { wrongLabel } from './framing.ts';

/** Its pass has more than 64 rows, where tiles give other bits than the reference. */
const LONG_PROMPT = [{ role: 'user', content: 'One day, a girl named Lily found a needle in her room. '.repeat(4) }];
const ACCEPTED = { outcome: 'accept', culprit: undefined, failed: [] };

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let modelRoot: Uint8Array;
let whole: TextEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-wrong-label-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  path = join(folder, 'stories260K.gguf');
  copyFileSync(model.path, path);
  whole = await createLlamaEngine({ modelPath: path, contextSize: COHORT_CONTEXT, sequences: 1, threads: 1 });
  closing.push(() => whole.close());
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const lead = (chain: UpstreamRows): UpstreamRows => ({
  ...chain,
  run: (pass) => chain.run({ ...pass, kind: wrongLabel.bendKind?.(pass.kind) ?? pass.kind }),
});

/** Runs the kernels that the label of a pass names: tiles for a step, the reference for a prompt. */
function followLabels(honest: SegmentEngine, place: number): SegmentEngine {
  const shape = segmentOptionsOf({ contextSize: COHORT_CONTEXT, sequences: COHORT_SEQUENCES, kernels: 'tiled' });
  const tiled = openSegmentModel(writeSlabs(path, COHORT_EDGES)[place] as string, shape);
  return disguiseSegment(honest, {
    run: (pass) => tiled.run({ ...pass, kind: pass.kind === 'step' ? 'prompt' : 'score' }),
    drop: (sequence, position) => tiled.drop(sequence, position),
    close: () => tiled.close(),
  });
}

const audit = (options: Pick<ModelCohortOptions, 'bend' | 'lead'>) =>
  auditModelCohort({ path, modelRoot, closing, whole, body: { messages: LONG_PROMPT }, ...options });

describe('a leader that names a pass of a prompt a step', () => {
  it('has no honest shard named', async () => {
    expect(await audit({ lead })).toEqual(ACCEPTED);
  });

  it('would have a shard named that follows its labels', async () => {
    const bend = (segment: SegmentEngine, place: number) => (place === 1 ? followLabels(segment, place) : segment);
    expect(await audit({ bend })).toEqual(ACCEPTED);
    expect(await audit({ bend, lead })).toEqual({ outcome: 'reject', culprit: 1, failed: ['boundary'] });
  });
});
