import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine } from '@ogong/testing/engine/compliance';
import { collectReply, createRequest, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { ARCHITECTURES, findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { llamaQuantizer, resolveModel } from './llama-quantizer.ts';
import { inspectModelFile } from './model-file.ts';
import { parseNumericClass } from './numeric-class.ts';

let folder: string;
let vocabularyFrom: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-architectures-'));
  vocabularyFrom = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, weights: 'f16' | 'q8_0'): Promise<string> {
  const path = join(folder, `${name}-f16.gguf`);
  writeRandomArchitecture(path, { recipe: findArchitecture(name), seed: 1, vocabularyFrom });
  if (weights === 'f16') return path;
  const quantised = join(folder, `${name}-q8_0.gguf`);
  await llamaQuantizer.quantize(path, quantised, weights);
  return quantised;
}

async function describeClass(modelPath: string, options: Partial<LlamaEngineOptions> = {}) {
  const engine = await createLlamaEngine({ modelPath, sequences: 2, threads: 1, contextSize: 256, ...options });
  try {
    const { numericClass, exact } = engine.info();
    return { kernels: parseNumericClass(numericClass)?.kernels, exact };
  } finally {
    await engine.close();
  }
}

describe('a mixture of experts with quantised weights', () => {
  it('is exact with two rows in every pass, because its router is in floats', async () => {
    const path = await write('qwen3moe', 'q8_0');
    expect(inspectModelFile(path)).toMatchObject({ weightType: 'q8_0', hasFloatMatrices: true });
    expect(await describeClass(path)).toEqual({ kernels: 'exact-2', exact: true });
  });

  it('differs from a dense model, which needs one row', async () => {
    const path = await write('llama-tied', 'q8_0');
    expect(inspectModelFile(path).hasFloatMatrices).toBe(false);
    expect(await describeClass(path)).toEqual({ kernels: 'exact', exact: true });
  });
});

describe('latent attention', () => {
  it('is called exact with quantised weights alone', async () => {
    const floats = await write('deepseek-v2', 'f16');
    expect(inspectModelFile(floats).hasFloatLatents).toBe(true);
    expect(await describeClass(floats)).toEqual({ kernels: 'exact-2', exact: false });
    const quantised = await write('deepseek-v2', 'q8_0');
    expect(inspectModelFile(quantised)).toMatchObject({ hasFloatLatents: false, hasFloatMatrices: true });
    expect(await describeClass(quantised)).toEqual({ kernels: 'exact-2', exact: true });
  });
});

describe('a recurrent model', () => {
  it('is refused with float weights, as it cannot forget the second row', async () => {
    const modelPath = await write('mamba', 'f16');
    await expect(describeClass(modelPath)).rejects.toThrow(/recurrent layers, which forget no single row/);
    expect(await describeClass(modelPath, { kernels: 'plain' })).toEqual({ kernels: 'plain', exact: false });
  });

  it('reproduces turns of a conversation, each from its first token', async () => {
    const modelPath = await write('granite-hybrid', 'q8_0');
    const engine = await createLlamaEngine({ modelPath, sequences: 2, threads: 1, contextSize: 256 });
    try {
      let tokens = Uint32Array.of(1, 5, 9, 14, 30);
      for (let turn = 0; turn < 3; turn++) {
        const request = {
          ...createRequest('', { cacheScope: 'one', maxTokens: 20 }),
          prompt: { kind: 'tokens', tokens },
        } as const;
        const reply = await collectReply(engine.generate(request));
        const scored = await engine.score(createScoreRequest(engine, request, reply));
        expect(scored).toMatchObject({ exact: true, windows: reply.windows });
        expect(reply.events.at(-1)).toMatchObject({ kind: 'end', cachedTokens: 0 });
        tokens = Uint32Array.from([...tokens, ...reply.outputTokens, 7]);
      }
    } finally {
      await engine.close();
    }
  });

  it('serves one reply at a time where its library mixes the states of neighbours', async () => {
    const modelPath = await write('lfm2', 'q8_0');
    await expect(describeClass(modelPath)).rejects.toThrow(/serve one at a time \(--sequences 1\)/);
    const engine = await createLlamaEngine({ modelPath, threads: 1, contextSize: 256 });
    try {
      expect(engine.info()).toMatchObject({ sequences: 1 });
      const replies = await Promise.all(
        ['Once upon a time', 'A dog'].map(async (text) => {
          const request = createRequest(text, { maxTokens: 16 });
          return { request, reply: await collectReply(engine.generate(request)) };
        }),
      );
      for (const { request, reply } of replies) {
        const { windows } = await engine.score(createScoreRequest(engine, request, reply));
        expect(windows).toEqual(reply.windows);
      }
    } finally {
      await engine.close();
    }
  });
});

const isLong = process.env.OGONG_LONG !== undefined;
const compliant = ARCHITECTURES.filter(({ name }) => (isLong ? name !== 'lfm2' : name === 'gemma3'));

describe.each(compliant)('$name', ({ name, features }) => {
  describeEngine({
    name: 'llama.cpp on random q8_0',
    open: async (options) => createLlamaEngine({ modelPath: await write(name, 'q8_0'), threads: 1, ...options }),
    keepsPrefixes: !features.some((feature) => feature.startsWith('recurrent')),
    prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found a needle in her room.'],
  });
});
