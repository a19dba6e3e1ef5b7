import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedModel } from '@ogong/models/resolve';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { writeNoisyModel } from '@ogong/testing/models/noisy-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextTracingRequest } from '../interface/text.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const LAYERS = 6;
const POSITION = 37;

let storeDir: string;
let model: ResolvedModel;
let provider: LlamaEngine;
let request: TextTracingRequest;
beforeAll(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'ogong-trace-'));
  model = await resolveModel('stories15M', { storeDir });
  provider = await createLlamaEngine({ modelPath: model.path, sequences: 2, contextSize: 512, threads: 1 });
  const asked = createRequest('One day, a girl named Lily', { maxTokens: 48, bias: NO_END, drawKey: keyOf(3) });
  const reply = await collectReply(provider.generate(asked));
  request = { ...createScoreRequest(provider, asked, reply), position: POSITION };
});
afterAll(async () => {
  await provider?.close();
  await rm(storeDir, { recursive: true, force: true });
});

async function traceWith(options: Partial<LlamaEngineOptions>, overrides: Partial<TextTracingRequest> = {}) {
  const engine = await createLlamaEngine({ modelPath: model.path, sequences: 1, contextSize: 512, ...options });
  try {
    expect(engine.info().capabilities.trace).toBe(true);
    return await engine.trace({ ...request, ...overrides });
  } finally {
    await engine.close();
  }
}

const firstDifference = (a: readonly Uint8Array[], b: readonly Uint8Array[]): number =>
  a.findIndex((hash, stage) => Buffer.compare(hash, b[stage] ?? new Uint8Array(0)) !== 0);

describe('a trace of real weights', () => {
  it('names the embedding, every block, the LM head input and the logits', async () => {
    const { stages } = await provider.trace(request);
    expect(stages).toHaveLength(LAYERS + 3);
  });

  it('is the same in another process, on another number of threads and in another context', async () => {
    const here = await provider.trace(request);
    const there = await traceWith({ threads: 2, contextSize: 256 });
    expect(there).toMatchObject({ stages: here.stages, row: here.row, exact: true });
  });

  it.each(['f16', 'q4_0'])('holds for %s, whose classes have other rules', async (quant) => {
    const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant });
    const engine = await createLlamaEngine({ modelPath, sequences: 2, contextSize: 256 });
    try {
      const asked = createRequest('Tom and', { maxTokens: 12, bias: NO_END });
      const score = createScoreRequest(engine, asked, await collectReply(engine.generate(asked)));
      const whole = await engine.score(score);
      const trace = await engine.trace({ ...score, position: 11 });
      const alone = await engine.score({
        ...score,
        promptTokens: Uint32Array.of(...score.promptTokens, ...score.outputTokens.subarray(0, 11)),
        outputTokens: score.outputTokens.subarray(11),
        listSizes: score.listSizes.subarray(11),
        shapeClasses: (score.shapeClasses as Uint8Array).subarray(11),
      });
      expect(whole.exact && trace.exact).toBe(true);
      expect([trace.row]).toEqual(alone.windows);
    } finally {
      await engine.close();
    }
  });

  it('holds for a reply of single rows', async () => {
    const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant: 'f16' });
    const engine = await createLlamaEngine({ modelPath, kernels: 'single', sequences: 1, contextSize: 256 });
    try {
      // The last window holds one position.
      const asked = createRequest('Tom and', { maxTokens: 33, bias: NO_END });
      const reply = await collectReply(engine.generate(asked));
      const trace = await engine.trace({ ...createScoreRequest(engine, asked, reply), position: 32 });
      expect(trace.exact).toBe(true);
      expect([trace.row]).toEqual(reply.windows.slice(1));
    } finally {
      await engine.close();
    }
  });

  it('holds for tiled prompts, by an engine that serves the class without them', async () => {
    const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant: 'q8_0' });
    const shared = { modelPath, sequences: 1, contextSize: 512 };
    const serving = await createLlamaEngine({ ...shared, kernels: 'tiled' });
    const tracing = await createLlamaEngine(shared);
    try {
      const tokens = Uint32Array.from({ length: 300 }, (_, i) => 300 + ((7 * i) % 5000));
      const asked = createRequest('', { prompt: { kind: 'tokens', tokens }, maxTokens: 8, bias: NO_END });
      const score = createScoreRequest(serving, asked, await collectReply(serving.generate(asked)));
      const own = await serving.trace({ ...score, position: 5 });
      const other = await tracing.trace({ ...score, position: 5 });
      expect(other).toMatchObject({ stages: own.stages, row: own.row, exact: true, numericClass: score.numericClass });
      const { numericClass } = tracing.info();
      const bent = await tracing.trace({ ...score, numericClass, position: 5 });
      expect(firstDifference(bent.stages, own.stages)).toBeGreaterThan(0);
    } finally {
      await Promise.all([serving.close(), tracing.close()]);
    }
  });

  it.each([0, 2, LAYERS - 1])('shows noise in the weights of block %i first there', async (layer) => {
    const modelPath = join(storeDir, `noisy-${layer}.gguf`);
    writeNoisyModel(model.path, modelPath, { tensor: `blk.${layer}.ffn_down.weight`, seed: 7 });
    const honest = await provider.trace(request);
    const noisy = await traceWith({ modelPath });
    expect(firstDifference(honest.stages, noisy.stages)).toBe(layer + 1);
    expect(
      noisy.stages.slice(layer + 1).filter((hash, i) => Buffer.compare(hash, honest.stages[layer + 1 + i]!) === 0),
    ).toEqual([]);
    expect(noisy.row).not.toEqual(honest.row);
  });

  it('shows another norm before the LM head in no block, but at its input', async () => {
    const modelPath = join(storeDir, 'noisy-norm.gguf');
    writeNoisyModel(model.path, modelPath, { tensor: 'output_norm.weight', seed: 7 });
    const honest = await provider.trace(request);
    const noisy = await traceWith({ modelPath });
    expect(firstDifference(honest.stages, noisy.stages)).toBe(LAYERS + 1);
  });

  it.runIf(process.arch === 'x64')(
    'differs in another instruction set, and is reproduced through its library',
    async () => {
      const honest = await provider.trace(request);
      const engine = await createLlamaEngine({ modelPath: model.path, sequences: 1, contextSize: 512, isa: 'sse42' });
      try {
        const { numericClass } = engine.info();
        const own = await engine.trace({ ...request, numericClass });
        expect(own.exact).toBe(true);
        expect(firstDifference(honest.stages, own.stages)).toBe(1);
        expect((await engine.trace(request)).stages).toEqual(honest.stages);
        expect((await provider.trace({ ...request, numericClass })).stages).toEqual(own.stages);
      } finally {
        await engine.close();
      }
    },
  );

  it('says that it is not exact for kernels that have no twin', async () => {
    const trace = await traceWith({ kernels: 'fast' });
    expect(trace.exact).toBe(false);
  });

  it('runs beside replies and changes none', async () => {
    const asked = createRequest('Tom and', { maxTokens: 30, bias: NO_END });
    const alone = await collectReply(provider.generate(asked));
    const [again] = await Promise.all([collectReply(provider.generate(asked)), provider.trace(request)]);
    expect(again.windows).toEqual(alone.windows);
  });
});
