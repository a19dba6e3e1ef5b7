import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playTrial } from '../trial.ts';
import { wrongCuts } from './wrong-cuts.ts';

const dir = mkdtempSync(join(tmpdir(), 'ogong-cuts-'));
const opened: LlamaEngine[] = [];
let modelPath: string;
let sold: LlamaEngine;

async function open(options: Partial<LlamaEngineOptions>): Promise<LlamaEngine> {
  const engine = await createLlamaEngine({ modelPath, contextSize: 320, threads: 1, sequences: 1, ...options });
  opened.push(engine);
  return engine;
}

beforeAll(async () => {
  modelPath = (await resolveModel('stories15M', { storeDir: dir, quant: 'q8_0' })).path;
  sold = await open({ kernels: 'tiled' });
});
afterAll(async () => {
  await Promise.all(opened.map((engine) => engine.close()));
  rmSync(dir, { recursive: true, force: true });
});

/** A chat whose prompt has so many tokens before its last one, or a few more. */
async function ask(rows: number) {
  const countTokens = async (content: string): Promise<number> =>
    (await sold.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content }] })).length;
  let content = 'Once upon a time';
  while ((await countTokens(content)) <= rows) content += ' there';
  return { messages: [{ role: 'user', content }], max_tokens: 24, temperature: 0.9, top_k: 40 };
}

describe('prompts of a tiled class', () => {
  it('that are cut into 64, 64 and a rest are caught, with the weights that are sold', async () => {
    const cheapEngine = await open(wrongCuts.cheap?.engine ?? {});
    const attack = wrongCuts.create({ engine: sold, cheapEngine });
    for (const [number, rows] of [190, 140, 180].entries()) {
      const { failed, stage2 } = await playTrial(attack, { verifier: sold, number, request: await ask(rows) });
      expect(failed).toEqual(wrongCuts.caughtBy);
      expect(stage2?.comparison?.firstDifference).toBe(0);
    }
  });

  it('that share a pass with the rows of a neighbour are caught', async () => {
    const cheapEngine = await open({ kernels: 'plain', sequences: 2 });
    const attack = wrongCuts.create({ engine: sold, cheapEngine });
    const request = await ask(190);
    const both = await Promise.all(
      [0, 1].map((number) => playTrial(attack, { verifier: sold, number, request: { ...request, max_tokens: 48 } })),
    );
    expect(both.flatMap(({ failed }) => failed)).toContain('equality');
  });

  it('pass in any pieces of 64 rows and more, as the rule cuts them', async () => {
    const other = await open({ kernels: 'tiled', promptChunk: 80, sequences: 2 });
    for (const [number, rows] of [190, 140, 180].entries()) {
      const { failed, stage2 } = await playTrial(
        { engine: other },
        { verifier: sold, number, request: await ask(rows) },
      );
      expect(failed).toEqual([]);
      expect(stage2?.comparison?.identical).toBe(true);
    }
  });

  it('are no prompts of the class without tiles, and the other way round', async () => {
    const exact = await open({ kernels: 'exact' });
    for (const [provider, verifier] of [
      [exact, sold],
      [sold, exact],
    ] as const) {
      const posing = wrongCuts.create({ engine: verifier, cheapEngine: provider });
      const { failed } = await playTrial(posing, { verifier, number: 7, request: await ask(190) });
      expect(failed).toEqual(['equality']);
    }
  });
});
