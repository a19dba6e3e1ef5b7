import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLlamaBuild } from './device/platform.ts';
import { createLlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { loadLlama } from './library.ts';
import { resolveModel } from './llama-quantizer.ts';
import { type LlamaContext, type LlamaModel, openLlamaModel } from './model.ts';
import { parseNumericClass } from './numeric-class.ts';

/** A rest of 62 rows behind two chunks: the library tiles it only together with one of them. */
const ROWS = 190;
const CHUNK = 64;

let folder: string;
let modelPath: string;
let model: LlamaModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-tiled-'));
  modelPath = (await resolveModel('stories15M', { storeDir: folder, quant: 'q8_0' })).path;
  model = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), modelPath);
});
afterAll(async () => {
  model?.free();
  await rm(folder, { recursive: true, force: true });
});

/** Computes the row behind a prompt after the library ran the prompt in these pieces, with its own choice of kernels. */
function runPieces(ends: readonly number[], runBeside?: (context: LlamaContext) => void): Float32Array {
  const context = model.createContext({ contextSize: 256, sequences: 2, threads: 1, batchSize: 256 });
  try {
    let at = 0;
    for (const end of ends) {
      for (; at < end; at++) context.add(300 + ((7 * at) % 5000), at, 0);
      if (at === CHUNK) runBeside?.(context);
      context.decode(false);
    }
    context.add(5, at, 0);
    context.decode(true);
    return context.logits().slice(0, model.vocabulary.size);
  } finally {
    context.free();
  }
}

describe('tiled passes of the library', () => {
  const whole = () => runPieces([ROWS]);

  it('compute the same bits wherever they are cut, if the rest joins a piece', () => {
    for (const ends of [
      [CHUNK, ROWS],
      [69, ROWS],
      [126, ROWS],
    ])
      expect(runPieces(ends)).toEqual(whole());
  });

  it('do not where a rest of fewer than 64 rows runs alone', () =>
    expect(runPieces([CHUNK, 2 * CHUNK, ROWS])).not.toEqual(whole()));

  it('do not where a neighbour has a row in the same pass', () =>
    expect(runPieces([CHUNK, ROWS], (context) => context.add(5, 0, 1))).not.toEqual(whole()));
});

describe('an engine that was asked for tiled prompts', () => {
  const kernelsOf = async (options: Partial<LlamaEngineOptions>) => {
    const engine = await createLlamaEngine({ modelPath, sequences: 1, threads: 1, kernels: 'tiled', ...options });
    try {
      const { numericClass, exact } = engine.info();
      return { kernels: parseNumericClass(numericClass)?.kernels, exact };
    } finally {
      await engine.close();
    }
  };

  it('serves the class where its probe holds', async () =>
    expect(await kernelsOf({ contextSize: 256 })).toEqual({ kernels: 'exact-tiled', exact: true }));

  it('serves the class without them where the context is too short for the probe', async () =>
    expect(await kernelsOf({ contextSize: 128 })).toEqual({ kernels: 'exact', exact: true }));

  it('serves the class without them with a quantised cache, which nobody measured', async () => {
    const path = join(folder, 'heads-of-64.gguf');
    const shape = { embedding: 128, layers: 2, heads: 2, kvHeads: 1, feedForward: 256, context: 256 };
    writeRandomModel(path, { vocabularyFrom: modelPath, shape });
    expect(await kernelsOf({ modelPath: path })).toEqual({ kernels: 'exact-tiled-2', exact: true });
    expect((await kernelsOf({ modelPath: path, kvType: 'q8_0' })).kernels).toBe('exact-2');
  });
});
