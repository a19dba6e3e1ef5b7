import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { afterAll, expect, it } from 'vitest';
import { computeContextSize, measureTokensPerWord } from './measure.ts';
import { TOKENS_PER_WORD } from './prompts.ts';
import { planRequest } from './request-plan.ts';

const storeDir = mkdtempSync(join(tmpdir(), 'ogong-models-'));
afterAll(() => rmSync(storeDir, { recursive: true, force: true }));

it('prompts are lengthened to at most the requested tokens, however many a word takes', async () => {
  const { path: modelPath, modelRoot } = await resolveModel('stories260K', { storeDir });
  const plan = { maxTokens: 6, promptTokens: 400 };
  const contextSize = computeContextSize(plan);
  const engine = await createLlamaEngine({ modelPath, modelRoot, contextSize, threads: 1, sequences: 1 });
  const longest = async (tokensPerWord: number): Promise<number> => {
    let most = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const drawnOut = new TextDecoder().decode(planRequest({ ...plan, kinds: ['story'], tokensPerWord }, seed));
      const { messages } = JSON.parse(drawnOut) as { messages: { role: 'user'; content: string }[] };
      most = Math.max(most, (await engine.tokenizePrompt({ kind: 'chat', messages })).length);
    }
    return most;
  };
  try {
    const tokensPerWord = await measureTokensPerWord(engine);
    // A vocabulary of 512: the ratio of one of 32,000 would draw prompts past the context.
    expect(tokensPerWord).toBeGreaterThan(1.25 * TOKENS_PER_WORD);
    expect(await longest(TOKENS_PER_WORD)).toBeGreaterThan(plan.promptTokens);
    const most = await longest(tokensPerWord);
    expect(most).toBeGreaterThan(0.7 * plan.promptTokens);
    // The template's tokens, and words that take more than the mean.
    expect(most).toBeLessThan(1.15 * plan.promptTokens);
  } finally {
    await engine.close();
  }
});
