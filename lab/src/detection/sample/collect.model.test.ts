import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSampleStore } from '@ogong/provider/calibration/sample-store';
import { HONEST } from '@ogong/provider/calibration/source-id';
import { afterAll, describe, expect, it } from 'vitest';
import { type JudgedReply, readReplies } from '../measure/load.ts';
import { type Experiment, MAIN_PAIR } from '../plan/experiments.ts';
import { collectExperiment, sourceId, verifierId } from './collect.ts';
import { createEnginePool } from './engine-pool.ts';

const MAX_TOKENS = 48;
const directory = mkdtempSync(join(tmpdir(), 'ogong-collect-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Serves, scores and evaluates with an empty store. */
async function run(experiment: Experiment, name: string): Promise<readonly JudgedReply[]> {
  const store = openSampleStore(join(directory, `${name}.sqlite`));
  const pool = createEnginePool(2);
  try {
    const context = { store, pool, modelsDir: join(directory, 'models'), maxTokens: MAX_TOKENS };
    const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
    await collectExperiment(experiment, { ...context, ...quiet });
    return readReplies(store, sourceId(experiment, MAX_TOKENS), verifierId(experiment));
  } finally {
    await pool.close();
    store.close();
  }
}

const withoutTimes = ({ servedMs: _, scored, ...reply }: JudgedReply) => ({
  ...reply,
  scored: scored && { ...scored, scoredMs: 0 },
});

describe('a second run with an empty store', () => {
  it.each<[string, Omit<Experiment, 'provider' | 'verifier'>]>([
    ['honest replies', { weights: 'f16', source: HONEST, replies: 4 }],
    ['a cheat', { weights: 'q8_0', source: 'weights-noise-1e-3', replies: 3 }],
  ])('gives the same figures of %s, times aside', async (_what, experiment) => {
    const given = { ...experiment, ...MAIN_PAIR };
    const first = await run(given, `${given.source}-1`);
    const second = await run(given, `${given.source}-2`);
    expect(first).toHaveLength(given.replies);
    for (const { scored } of first) expect(scored?.comparison.windows.length).toBeGreaterThan(0);
    expect(second.map(withoutTimes)).toEqual(first.map(withoutTimes));
  });

  it('gives other samples for other prompts', async () => {
    const given = { weights: 'f16', source: HONEST, replies: 2, ...MAIN_PAIR };
    const [a, b] = (await run(given, 'other')).map(withoutTimes);
    expect({ ...a, seed: 0 }).not.toEqual({ ...b, seed: 0 });
  });
});
