import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ComplianceReply,
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import { createLlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';
import { parseNumericClass } from './numeric-class.ts';

let folder: string;
let tiny: string;
/** Heads of 64 values, which a quantised KV cache can hold. */
let wide: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-knobs-'));
  tiny = (await resolveModel('stories260K', { storeDir: folder })).path;
  wide = join(folder, 'wide.gguf');
  const shape = { embedding: 256, layers: 2, heads: 4, kvHeads: 2, feedForward: 512, context: 512 };
  writeRandomModel(wide, { vocabularyFrom: tiny, shape });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const request = createRequest('Once upon a time', { maxTokens: 40, drawKey: keyOf(77), bias: NO_END });

interface Seen {
  readonly reply: ComplianceReply;
  readonly numericClass: string;
  readonly exact: boolean;
  readonly scored: Awaited<ReturnType<Awaited<ReturnType<typeof createLlamaEngine>>['score']>>;
}

async function serve(options: Omit<LlamaEngineOptions, 'modelPath'>, modelPath = wide): Promise<Seen> {
  const asked: TextGenerationRequest = request;
  const engine = await createLlamaEngine({ modelPath, threads: 1, sequences: 2, contextSize: 256, ...options });
  try {
    const { numericClass, exact } = engine.info();
    const reply = await collectReply(engine.generate(asked));
    return { reply, numericClass, exact, scored: await engine.score(createScoreRequest(engine, asked, reply)) };
  } finally {
    await engine.close();
  }
}

describe('knobs of the engine', () => {
  it.each([
    ['exact-2', { kvType: 'q8_0' }],
    ['exact-2', { kvType: 'q4_0' }],
    ['exact-2', { kvType: 'f32' }],
  ] as const)('stays exact on %s with %o, and names it', async (kernels, options) => {
    const { reply, numericClass, exact, scored } = await serve(options);
    expect(parseNumericClass(numericClass)).toMatchObject({
      kernels,
      kv: options.kvType,
    });
    expect(exact).toBe(true);
    expect(scored.exact).toBe(true);
    expect(scored.windows).toEqual(reply.windows);
  });

  it.each([
    ['plain', { kernels: 'plain' }],
    ['exact-2', { flashAttention: false }],
    ['exact-2', { kvUnified: true }],
  ] as const)('claims no exactness on %s with %o', async (kernels, options) => {
    const { numericClass, exact, scored } = await serve(options);
    expect(parseNumericClass(numericClass)?.kernels).toBe(kernels);
    expect(exact).toBe(false);
    expect(scored.exact).toBe(false);
  });

  it('claims no exactness for reference kernels on float weights, whose single rows differ', async () => {
    expect((await serve({ kernels: 'reference' })).exact).toBe(false);
  });

  it.each(['q8_0', 'q4_0'] as const)('refuses a KV cache of type %s that the heads do not fit', async (kvType) => {
    const attempt = serve({ kvType }, tiny);
    await expect(attempt).rejects.toMatchObject({ code: 'unsupported-model' });
    await expect(attempt).rejects.toThrow(/head sizes divisible by 32.*keys of 8/);
  });

  it('takes keys and values of types apart where no bit is claimed, and names both', async () => {
    const { numericClass, exact, reply } = await serve({ kernels: 'plain', kvType: 'q8_0', valueType: 'f16' });
    expect(parseNumericClass(numericClass)).toMatchObject({ kernels: 'plain', kv: 'q8_0-f16' });
    expect(exact).toBe(false);
    const same = await serve({ kernels: 'plain', kvType: 'q8_0' });
    expect(same.reply.windows).not.toEqual(reply.windows);
    await expect(serve({ kvType: 'q8_0', valueType: 'f16' })).rejects.toThrow(/types apart are for the class plain/);
  });

  it('has the same bits with larger passes in an exact class', async () => {
    const { reply } = await serve({});
    expect((await serve({ batchSize: 512 })).reply.windows).toEqual(reply.windows);
    await expect(serve({ batchSize: 64 })).rejects.toThrow('batchSize is 64; it must be an integer in 128..4096');
  });

  it('refuses a quantised KV cache without flash attention', async () => {
    await expect(serve({ kvType: 'q8_0', flashAttention: false })).rejects.toThrow(/needs flash attention/);
  });
});
