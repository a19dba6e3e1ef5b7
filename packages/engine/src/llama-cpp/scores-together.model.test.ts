import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TextScoringResult } from '../interface/text.ts';
import { createLlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-together-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Prompts and replies of different lengths: below and above 64 rows, and single rows that are left over. */
const LENGTHS = [
  [90, 40],
  [5, 1],
  [70, 23],
  [130, 64],
  [12, 33],
] as const;

/** Scores of five replies, in passes of up to four of them and alone. */
async function compareScores(options: Partial<LlamaEngineOptions> & { readonly modelPath: string }) {
  const shared = { contextSize: 256, threads: 1, prefixCache: false, ...options };
  const provider = await createLlamaEngine({ ...shared, sequences: 2 });
  const verifier = await createLlamaEngine({ ...shared, sequences: 4, scoresOnly: true });
  try {
    const claims = [];
    for (const [number, [prompt, maxTokens]] of LENGTHS.entries()) {
      const tokens = Uint32Array.from({ length: prompt }, (_, i) => 300 + ((7919 * i + 31 * number) % 200));
      const request = createRequest('', {
        prompt: { kind: 'tokens', tokens },
        maxTokens,
        drawKey: keyOf(number),
        bias: NO_END,
      });
      const reply = await collectReply(provider.generate(request));
      claims.push({ reply, claim: createScoreRequest(provider, request, reply) });
    }
    const together = await Promise.all(claims.map(({ claim }) => verifier.score(claim)));
    const alone: TextScoringResult[] = [];
    for (const { claim } of claims) alone.push(await verifier.score(claim));
    const { scoresTogether, numericClass, sequences } = verifier.info();
    const windowsOf = (scores: typeof alone) => scores.map(({ windows }) => windows);
    return {
      ...{ scoresTogether, numericClass, sequences },
      together: windowsOf(together),
      alone: windowsOf(alone),
      served: claims.map(({ reply }) => reply.windows),
      exact: together.every(({ exact }) => exact),
    };
  } finally {
    await Promise.all([provider.close(), verifier.close()]);
  }
}

it.each([
  ['exact, quantised', 'stories15M:q8_0', {}],
  ['exact, of float weights', 'stories260K', {}],
  ['with tiled prompts', 'stories15M:q8_0', { kernels: 'tiled' }],
] as const)(
  'a verifier scores several replies in one pass, to the bit as each alone: the class is %s',
  async (_what, model, options) => {
    const { path: modelPath } = await resolveModel(model, { storeDir: folder });
    const result = await compareScores({ modelPath, ...options });
    expect(result).toMatchObject({ scoresTogether: 4, sequences: 1, exact: true });
    expect(result.together).toEqual(result.alone);
    expect(result.together).toEqual(result.served);
  },
);

it.each(['plain', 'fast'] as const)(
  'a class that is not exact, of kernels %s, scores one at a time',
  async (kernels) => {
    const { path: modelPath } = await resolveModel('stories260K', { storeDir: folder });
    const { scoresTogether, together, alone } = await compareScores({ modelPath, kernels });
    expect(scoresTogether).toBeUndefined();
    expect(together).toEqual(alone);
  },
);
