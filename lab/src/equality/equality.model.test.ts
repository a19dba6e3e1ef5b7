import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel, type ModelName } from '../detection/plan/models.ts';
import { serveRound } from './serve-round.ts';
import { WAYS, type WayName } from './ways.ts';

let modelsDir: string;
beforeAll(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), 'ogong-equality-'));
});
afterAll(() => rm(modelsDir, { recursive: true, force: true }));

async function serve(way: WayName, weights: string, checked: ModelName = 'random-tiny') {
  const shared = { threads: 1, contextSize: 512 };
  const path = (model: ModelName) => findModel(model, weights, modelsDir);
  const serving = { ...shared, ...WAYS[way].provider, sequences: 8, modelPath: await path('random-tiny') };
  const provider = await createLlamaEngine(serving);
  const verifier = await createLlamaEngine({ ...shared, ...WAYS[way].verifier, modelPath: await path(checked) });
  try {
    const { signal } = new AbortController();
    return await serveRound({ provider, verifier, seed: 3, maxTokens: 24, promptTokens: 150, signal });
  } finally {
    await Promise.all([provider.close(), verifier.close()]);
  }
}

describe('conversations through llama.cpp', () => {
  it.each([
    ['exact', 'f16'],
    ['exact-drafts', 'q8_0'],
    ['exact-tiled', 'f16'],
    ['exact-single', 'f16'],
    ['exact-loaded', 'q8_0'],
  ] as const)('are reproduced to the last bit: %s, %s', async (way, weights) => {
    const counts = await serve(way, weights);
    expect(counts).toMatchObject({ differing: 0 });
    expect(counts.replies).toBeGreaterThan(3);
    expect(counts.cached).toBeGreaterThan(0);
  });

  it('differ in every reply if another model of the same class and vocabulary runs them again', async () => {
    const counts = await serve('exact', 'f16', 'stories260K');
    expect(counts.replies).toBeGreaterThan(3);
    expect(counts.differing).toBe(counts.replies);
  });
});
