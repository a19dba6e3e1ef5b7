import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NAT, PLAIN_SAMPLER, TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import { withoutLanes } from '@ogong/protocol/tier/lane-class';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  NO_END,
  readRows,
} from '@ogong/testing/engine/compliance-requests';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLlamaEngine, type LlamaEngine } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const SHAPE = { embedding: 64, layers: 2, heads: 2, kvHeads: 1, feedForward: 128, context: 256 };
/** No multiple of a group of lanes. */
const VOCABULARY = 70_001;

let folder: string;
let engines: readonly [provider: LlamaEngine, verifier: LlamaEngine];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-lanes-'));
  const { path: vocabularyFrom } = await resolveModel('stories260K', { storeDir: folder });
  const modelPath = join(folder, 'large-vocabulary.gguf');
  writeRandomModel(modelPath, { vocabularyFrom, shape: { ...SHAPE, vocabulary: VOCABULARY } });
  const open = (isa: string) => createLlamaEngine({ modelPath, isa, sequences: 2, contextSize: 128, threads: 1 });
  engines = await Promise.all([open('auto'), open('sse42')]);
});
afterAll(async () => {
  await Promise.all((engines ?? []).map((engine) => engine.close()));
  await rm(folder, { recursive: true, force: true });
});

describe('a model with a large vocabulary', () => {
  it('is listed in lanes, and a verifier of another CPU reproduces the reply to the bit', async () => {
    const [provider, verifier] = engines;
    const { numericClass, vocabularySize } = provider.info();
    expect(numericClass).toMatch(/\/kv-f16\/lanes$/);
    for (const temperature of [0.7, 1, 2]) {
      const sampler = { ...PLAIN_SAMPLER, temperatureQ16: Math.round(temperature * NAT), presencePenaltyQ16: NAT / 4 };
      const request = createRequest('Once', { sampler, maxTokens: 40, bias: NO_END });
      const reply = await collectReply(provider.generate(request));
      const claim = createScoreRequest(provider, request, reply);
      const expected = { numericClass, exact: true, windows: reply.windows, firstOtherChoice: -1 };
      expect(await verifier.score(claim)).toMatchObject(expected);
      expect(await provider.score(claim)).toMatchObject(expected);
      if (temperature === 2)
        expect(readRows(reply.windows, vocabularySize).some(({ rank }) => rank === TAIL_RANK)).toBe(true);
    }
  });

  it('is scored in ascending order where the class of a reply has no lanes', async () => {
    const [provider] = engines;
    const sampler = { ...PLAIN_SAMPLER, temperatureQ16: 2 * NAT };
    const request = createRequest('Once', { sampler, maxTokens: 40, bias: NO_END });
    const reply = await collectReply(provider.generate(request));
    const numericClass = withoutLanes(provider.info().numericClass);
    const scored = await provider.score({ ...createScoreRequest(provider, request, reply), numericClass });
    expect(scored).toMatchObject({ numericClass, exact: true });
    expect(scored.windows).not.toEqual(reply.windows);
  });
});
