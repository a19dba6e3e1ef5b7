import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NAT, PLAIN_SAMPLER, type SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { createRequest, keyOf, NO_END } from '@ogong/testing/engine/compliance-requests';
import { type Arrival, arrivals, expectSameReplies } from '@ogong/testing/engine/schedule-compliance';
import { writeShallowModel } from '@ogong/testing/models/shallow-model';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import { explainVulkanAbsence } from './device/gpu-build.ts';
import { createLlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const SEED = 20261120;
const PATIENCE_MS = 300_000;
/** A landing tries a part of the schedules. The nightly run tries all of them. */
const isLong = process.env.OGONG_LONG !== undefined;

let storeDir: string;
let tiny: string;
let shallow: string;
beforeAll(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'ogong-drafts-'));
  tiny = (await resolveModel('stories260K', { storeDir })).path;
  shallow = join(storeDir, 'shallow.gguf');
  writeShallowModel(tiny, shallow, { layers: 2 });
});
afterAll(() => rm(storeDir, { recursive: true, force: true }));

const SAMPLERS: readonly Partial<SamplerSettings>[] = [
  { temperatureQ16: 0 },
  { temperatureQ16: NAT / 2, presencePenaltyQ16: NAT / 4, frequencyPenaltyQ16: NAT / 16 },
  { temperatureQ16: NAT / 2, frequencyPenaltyQ16: -NAT / 8 },
  {},
];

const likely = (number: number) =>
  Array.from({ length: number % 2 === 0 ? 2 + (number % 3) : 1 }, (_, i) => ({ id: 300 + i, biasQ16: (8 - i) * NAT }));

/** Prompts that repeat themselves, and in every other reply a few likely tokens, so that drafts come and some are right. */
const toRequest = ({ promptTokens, maxTokens, number }: Arrival): TextGenerationRequest =>
  createRequest('', {
    prompt: {
      kind: 'tokens',
      tokens: Uint32Array.from({ length: promptTokens }, (_, i) => 300 + ((7 * (i % 9) + number) % 200)),
    },
    ...{ maxTokens, drawKey: keyOf(5000 + number), bias: [...NO_END, ...likely(number)] },
    sampler: { ...PLAIN_SAMPLER, ...SAMPLERS[number % SAMPLERS.length] },
  });

async function withEngines<T>(
  options: Partial<LlamaEngineOptions>,
  drafts: number,
  use: (engines: Parameters<typeof expectSameReplies>[0]) => Promise<T>,
): Promise<T> {
  const shared = { modelPath: tiny, contextSize: 320, sequences: 3, threads: 1, maxQueue: 16, promptChunk: 24 };
  const { draftModelPath: _, ...alone } = options;
  const plain = await createLlamaEngine({ ...shared, ...alone, drafts: 0 });
  try {
    const guessing = await createLlamaEngine({ ...shared, ...options, drafts });
    try {
      expect([plain.info().exact, guessing.info().exact]).toEqual([true, true]);
      return await use({ plain, guessing });
    } finally {
      await guessing.close();
    }
  } finally {
    await plain.close();
  }
}

const fuzz = (
  options: Partial<LlamaEngineOptions>,
  { drafts, numRuns, prompt, output }: Record<'drafts' | 'numRuns' | 'prompt' | 'output', number>,
) =>
  withEngines(options, drafts, async (engines) => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(arrivals({ prompt, output }), async (schedule) => {
        accepted += await expectSameReplies(engines, schedule, toRequest);
      }),
      { seed: SEED, numRuns, endOnFailure: true, verbose: fc.VerbosityLevel.Verbose },
    );
    expect(accepted).toBeGreaterThan(numRuns);
  });

describe(`drafts change no bit that is committed, seed ${SEED}`, () => {
  it(
    'with float weights on the CPU',
    () => fuzz({}, { drafts: 4, numRuns: isLong ? 8 : 3, prompt: 280, output: 60 }),
    PATIENCE_MS,
  );

  it(
    'with quantised weights on the CPU',
    async () => {
      const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant: 'q8_0' });
      await fuzz({ modelPath }, { drafts: 3, numRuns: isLong ? 3 : 2, prompt: 60, output: 40 });
    },
    PATIENCE_MS,
  );

  it(
    'with guesses of a coarser quantisation of the model',
    async () => {
      const [modelPath, draftModelPath] = await Promise.all(
        ['q8_0', 'q4_0'].map(async (quant) => (await resolveModel('stories15M', { storeDir, quant })).path),
      );
      await fuzz({ modelPath, draftModelPath } as Partial<LlamaEngineOptions>, {
        ...{ drafts: 3, numRuns: 2, prompt: 40, output: 40 },
      });
    },
    PATIENCE_MS,
  );

  const absence = explainVulkanAbsence(join(homedir(), '.ogong', 'engine'));
  const skipped = absence === undefined ? '' : ` (skipped: ${absence})`;
  it.skipIf(absence !== undefined).each(['wide', 'mixed'] as const)(
    `in %s passes on Vulkan${skipped}`,
    (shapes) =>
      withEngines(
        { modelPath: shallow, backend: 'vulkan', shapes, contextSize: 64, sequences: 2 },
        8,
        async (engines) => {
          const first: Arrival = { promptTokens: 12, maxTokens: 16, after: 0, cancelAfter: undefined, number: 6 };
          const schedule = [first, { ...first, number: 8, maxTokens: 8 }, { ...first, number: 5, after: 12 }];
          expect(await expectSameReplies(engines, schedule, toRequest)).toBeGreaterThan(2);
        },
      ),
    PATIENCE_MS,
  );
});

it('a draft model of another vocabulary is refused before anything is loaded', async () => {
  const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant: 'q8_0' });
  await expect(createLlamaEngine({ modelPath, draftModelPath: tiny })).rejects.toMatchObject({
    code: 'unsupported-model',
    message: expect.stringMatching(/another vocabulary .* smaller model of the same family/),
  });
  await expect(createLlamaEngine({ modelPath, draftModelPath: modelPath, drafts: 0 })).rejects.toThrow(/drafts is 0/);
});
