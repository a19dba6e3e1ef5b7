import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
  readRows,
} from '@ogong/testing/engine/compliance-requests';
import { type Arrival, arrivals, countCached, serveTurns, type Turn } from '@ogong/testing/engine/schedule-compliance';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEAST_HELD } from '../decode/slots.ts';
import type { TextGenerationRequest } from '../interface/text.ts';
import { explainVulkanAbsence } from './device/gpu-build.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const SEED = 20261120;
const CONTEXT = 320;
const PATIENCE_MS = 300_000;
/** A landing tries the first quarter of the schedules. The nightly run tries all of them. */
const SHARE = process.env.OGONG_LONG === undefined ? 4 : 1;

let folder: string;
let tiny: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-fuzz-'));
  tiny = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const toRequest = ({ promptTokens, maxTokens, number }: Arrival): TextGenerationRequest =>
  createRequest('', {
    prompt: {
      kind: 'tokens',
      tokens: Uint32Array.from({ length: promptTokens }, (_, i) => 3 + ((11 * i + number) % 500)),
    },
    maxTokens,
    drawKey: keyOf(3000 + number),
    bias: NO_END,
  });

/**
 * Every reply, cancelled ones and those that began in the cache too, is reproduced by the verifier to the last bit.
 * @returns tokens that were found in the cache, by the provider and by the verifier.
 */
async function expectReproduced(provider: LlamaEngine, verifier: LlamaEngine, schedule: readonly Arrival[]) {
  const turns = await serveTurns(provider, schedule, toRequest, CONTEXT - 1);
  let scoredFromCache = 0;
  // All at the same time: the second score of a conversation waits for the first, and begins with its rows.
  const scoreTurn = async ({ request, reply }: Turn): Promise<void> => {
    if (reply.outputTokens.length === 0) return;
    const scored = await verifier.score(createScoreRequest(provider, request, reply));
    expect(scored.exact).toBe(true);
    expect(scored.windows).toEqual(reply.windows);
    scoredFromCache += scored.cachedTokens;
  };
  await Promise.all(turns.map(scoreTurn));
  return { served: countCached(turns), scored: scoredFromCache };
}

async function fuzz(
  options: Partial<LlamaEngineOptions>,
  { provider: threads, verifier: checking = {} }: { provider: number; verifier?: Partial<LlamaEngineOptions> },
  runs: { numRuns: number; prompt: number; output: number },
) {
  const shared = { modelPath: tiny, contextSize: CONTEXT, ...options };
  const provider = await createLlamaEngine({
    ...shared,
    sequences: 3,
    maxQueue: 16,
    threads,
    promptChunk: 24,
  });
  const verifier = await createLlamaEngine({ ...shared, sequences: 3, scoresOnly: true, threads: 1, ...checking });
  const numRuns = Math.ceil(runs.numRuns / SHARE);
  try {
    expect(provider.info().exact).toBe(true);
    const cached = { served: 0, scored: 0 };
    await fc.assert(
      fc.asyncProperty(arrivals(runs), async (schedule) => {
        const found = await expectReproduced(provider, verifier, schedule);
        cached.served += found.served;
        cached.scored += found.scored;
      }),
      { seed: SEED, numRuns, endOnFailure: true, verbose: fc.VerbosityLevel.Verbose },
    );
    expect(cached.served).toBeGreaterThan(numRuns * LEAST_HELD);
    expect(cached.scored).toBeGreaterThan(numRuns * LEAST_HELD);
  } finally {
    await Promise.all([provider.close(), verifier.close()]);
  }
}

describe(`schedules, seed ${SEED}`, () => {
  it('change no bit on the CPU', () => fuzz({}, { provider: 1 }, { numRuns: 8, prompt: 280, output: 60 }), PATIENCE_MS);

  it(
    'change no bit on the CPU with a cache of f32',
    () => fuzz({ kvType: 'f32' }, { provider: 1 }, { numRuns: 3, prompt: 280, output: 40 }),
    PATIENCE_MS,
  );

  it.each(['q8_0', 'q4_k_m'])(
    'change no bit on the CPU with weights of %s, on two threads',
    async (quant) => {
      const { path: modelPath } = await resolveModel('stories15M', { storeDir: folder, quant });
      await fuzz({ modelPath }, { provider: 2 }, { numRuns: 3, prompt: 280, output: 40 });
    },
    PATIENCE_MS,
  );

  it(
    'change no bit on the CPU with tiled prompts',
    () => fuzz({ kernels: 'tiled' }, { provider: 1 }, { numRuns: 8, prompt: 280, output: 40 }),
    PATIENCE_MS,
  );

  it.each(['q8_0', 'q4_k_m'])(
    'change no bit on the CPU with tiled prompts and weights of %s, on two threads, for a verifier that serves another class',
    async (quant) => {
      const { path: modelPath } = await resolveModel('stories15M', { storeDir: folder, quant });
      const sides = { provider: 2, verifier: { kernels: 'exact' } } as const;
      await fuzz({ modelPath, kernels: 'tiled' }, sides, { numRuns: 3, prompt: 280, output: 40 });
    },
    PATIENCE_MS,
  );

  // A device in software takes a minute for it. `vulkan.model.test.ts` has both shapes among neighbours, too.
  const absence =
    explainVulkanAbsence(join(homedir(), '.ogong', 'engine')) ??
    (process.env.OGONG_LONG === undefined ? 'set OGONG_LONG=1 to run it' : undefined);
  it.skipIf(absence !== undefined).each(['mixed', 'single'] as const)(
    `change no bit of %s passes on Vulkan${absence === undefined ? '' : ` (skipped: ${absence})`}`,
    (shapes) => fuzz({ backend: 'vulkan', shapes }, { provider: 1 }, { numRuns: 1, prompt: 40, output: 8 }),
    PATIENCE_MS,
  );
});

describe('another run differs within four tokens', () => {
  const asked = createRequest('Once upon a time', { maxTokens: 12, drawKey: keyOf(41), bias: NO_END });

  const tokensOf = (length: number) =>
    ({ kind: 'tokens', tokens: Uint32Array.from({ length }, (_, i) => 3 + ((7 * i) % 500)) }) as const;

  /** The first position whose signed values differ. */
  async function firstDifference(
    cheat: Partial<LlamaEngineOptions>,
    honest: Partial<LlamaEngineOptions>,
    bend: Partial<TextGenerationRequest> = {},
    prompt: TextGenerationRequest['prompt'] = asked.prompt,
  ) {
    const claimed = { ...asked, prompt };
    const shared = { modelPath: tiny, threads: 1, sequences: 1, contextSize: 128 };
    const provider = await createLlamaEngine({ ...shared, ...cheat });
    const verifier = await createLlamaEngine({ ...shared, ...honest });
    try {
      const reply = await collectReply(provider.generate({ ...claimed, ...bend }));
      const promptTokens = await verifier.tokenizePrompt(claimed.prompt);
      const { numericClass, vocabularySize } = verifier.info();
      const score = createScoreRequest(provider, claimed, reply);
      const scored = await verifier.score({ ...score, promptTokens, numericClass });
      expect(scored.exact).toBe(true);
      const seen = readRows(scored.windows, vocabularySize);
      return readRows(reply.windows, vocabularySize).findIndex((row, i) => String(row.q) !== String(seen[i]?.q));
    } finally {
      await Promise.all([provider.close(), verifier.close()]);
    }
  }

  const expectEarly = (position: number) => {
    expect(position).toBeGreaterThanOrEqual(0);
    expect(position).toBeLessThan(4);
  };

  const write = (name: string, overrides: { readonly layers?: number } = {}) => {
    const path = join(folder, name);
    const shape = { embedding: 128, layers: 2, heads: 2, kvHeads: 1, feedForward: 256, context: 256, ...overrides };
    writeRandomModel(path, { vocabularyFrom: tiny, shape });
    return path;
  };

  it('other weights', async () => {
    const [honest, cheat] = [write('two.gguf'), write('three.gguf', { layers: 3 })];
    expectEarly(await firstDifference({ modelPath: cheat }, { modelPath: honest }));
  });

  it.each(['q8_0', 'q4_0'] as const)('a KV cache of %s', async (kvType) => {
    const modelPath = write('kv.gguf');
    expectEarly(await firstDifference({ modelPath, kvType }, { modelPath }));
  });

  it('but not a KV cache of f32, which flash attention rounds to f16 first', async () => {
    const modelPath = write('same.gguf');
    expect(await firstDifference({ modelPath, kvType: 'f32' }, { modelPath })).toBe(-1);
  });

  it('another prompt', async () => {
    const bent = { prompt: { kind: 'text', text: 'Once upon a dime' } } as const;
    expectEarly(await firstDifference({}, {}, bent));
  });

  describe('where the class has tiled prompts', () => {
    let tiled: Partial<LlamaEngineOptions>;
    beforeAll(async () => {
      // Of weights whose single rows need no second one: then prompts alone differ from the library's own choice.
      const { path: modelPath } = await resolveModel('stories15M', { storeDir: folder, quant: 'q8_0' });
      tiled = { modelPath, kernels: 'tiled', contextSize: 320 };
    });
    const differ = async (rows: number, cheat: Partial<LlamaEngineOptions>) =>
      firstDifference({ ...tiled, ...cheat }, tiled, {}, tokensOf(rows + 1));

    it('a rest of fewer than 64 rows in a pass of its own', async () => {
      // The library's own choice is tiled for whole chunks. It is not for the rest, which the class joins to the last chunk.
      expectEarly(await differ(150, { kernels: 'plain', promptChunk: 128 }));
    });
    it('but not the same choice where every chunk is tiled', async () => {
      expect(await differ(150, { kernels: 'plain', promptChunk: 75 })).toBe(-1);
    });
    it('a prompt without tiles', async () => expectEarly(await differ(150, { kernels: 'exact' })));
    it('but not a short prompt, which has none', async () => expect(await differ(63, { kernels: 'exact' })).toBe(-1));
    it('tiles in the class without them', async () => {
      const exact = { ...tiled, kernels: 'exact' } as const;
      expectEarly(await firstDifference(tiled, exact, {}, tokensOf(151)));
    });
  });

  it('single rows in the class that pads them', async () => {
    const modelPath = write('single.gguf');
    expectEarly(await firstDifference({ modelPath, kernels: 'single' }, { modelPath }));
    expectEarly(await firstDifference({ modelPath }, { modelPath, kernels: 'single' }));
  });

  it('but not a turn whose prompt has a reply of single rows, which runs once more as rows of a prompt', async () => {
    const modelPath = write('turns.gguf');
    const shared = { modelPath, kernels: 'single', threads: 1, sequences: 1, contextSize: 128 } as const;
    const provider = await createLlamaEngine(shared);
    const verifier = await createLlamaEngine({ ...shared, prefixCache: false });
    try {
      const ask = (tokens: Uint32Array): TextGenerationRequest => ({
        ...asked,
        prompt: { kind: 'tokens', tokens },
        maxTokens: 24,
        cacheScope: 'turns',
      });
      const { tokens } = tokensOf(20);
      const first = await collectReply(provider.generate(ask(tokens)));
      const second = ask(Uint32Array.of(...tokens, ...first.outputTokens, 7, 8));
      const reply = await collectReply(provider.generate(second));
      const scored = await verifier.score(createScoreRequest(provider, second, reply));
      expect(scored.windows).toEqual(reply.windows);
      expect(reply.events.at(-1)).toMatchObject({ kind: 'end', cachedTokens: tokens.length - 1 });
    } finally {
      await Promise.all([provider.close(), verifier.close()]);
    }
  });

  it('and the same run does not', async () => expect(await firstDifference({}, {})).toBe(-1));
});
