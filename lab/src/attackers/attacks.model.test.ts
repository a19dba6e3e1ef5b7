import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel } from '../forge/make-model.ts';
import type { WeightRecipe } from '../forge/recipe.ts';
import type { SoldType } from './attack.ts';
import { findAttack } from './catalogue.ts';
import { playTrial, type Trial } from './trial.ts';

const dir = mkdtempSync(join(tmpdir(), 'ogong-attacks-'));
let base: string;
beforeAll(async () => {
  base = (await resolveModel('stories15M', { storeDir: dir, quant: 'f32' })).path;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const pathOf = async (recipe: WeightRecipe | undefined, sold: SoldType): Promise<string> =>
  recipe === undefined
    ? (await resolveModel('stories15M', { storeDir: dir, quant: sold })).path
    : makeModel(base, recipe, { dir, sold });

/** A landing plays each fourth case of a table. The nightly run plays all of them. */
const SHARE = process.env.OGONG_LONG === undefined ? 4 : 1;
const choose = <T>(cases: readonly T[]): readonly T[] => cases.filter((_, place) => place % SHARE === 0);

const SHORT = { sequences: 1, contextSize: 256, threads: 1 };
const REQUESTS = ['Once upon a time', 'The little dog was very hungry, so'].map((content) => ({
  messages: [{ role: 'user', content }],
  max_tokens: 64,
  temperature: 0.9,
  top_p: 0.95,
  top_k: 40,
}));

interface Played {
  readonly trials: readonly Trial[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Plays the attack and the verifier on real weights, for a few replies. */
async function play(name: string, soldAs: SoldType, requests: readonly Readonly<Record<string, unknown>>[] = REQUESTS) {
  const definition = findAttack(name);
  const { cheap } = definition;
  const modelPath = await pathOf(definition.sold, soldAs);
  const opened: LlamaEngine[] = [];
  const open = async (options: Parameters<typeof createLlamaEngine>[0]) => {
    const engine = await createLlamaEngine({ ...SHORT, ...options });
    opened.push(engine);
    return engine;
  };
  try {
    const engine = await open({ modelPath });
    const cheapEngine = cheap
      ? await open({ modelPath: cheap.weights ? await pathOf(cheap.weights, soldAs) : modelPath, ...cheap.engine })
      : undefined;
    const attack = definition.create({ engine, ...(cheapEngine ? { cheapEngine } : {}) });
    const trials: Trial[] = [];
    for (const [number, request] of requests.entries()) {
      const honest = await playTrial({ engine }, { verifier: engine, number, request });
      expect(honest.failed).toEqual([]);
      trials.push(await playTrial(attack, { verifier: engine, number, request }));
    }
    const played: Played = { trials, counts: attack.counts?.() ?? {} };
    return played;
  } finally {
    await Promise.all(opened.map((engine) => engine.close()));
  }
}

describe('in the exact class, on real weights', () => {
  it.each(
    choose([
      ['weights-q8-0', 'f16'],
      ['weights-noise-1e-3', 'f16'],
      ['weights-fine-tune-1e-3', 'f16'],
      ['kv-q8-0', 'f16'],
      ['weights-q5-k-m', 'q8_0'],
      ['weights-noise-1e-3', 'q8_0'],
      ['weights-adapter', 'q8_0'],
      ['weights-layer-skipped', 'q8_0'],
      ['weights-layers-shared', 'q8_0'],
      ['weights-pruned-width', 'q8_0'],
      ['kv-q8-0', 'q8_0'],
    ] as const),
  )('%s sold as %s differs within four tokens, and replays', async (name, soldAs) => {
    const { trials } = await play(name, soldAs);
    for (const { failed, stage2 } of trials) {
      expect(failed).toEqual(['equality']);
      expect(stage2?.comparison?.firstDifference).toBeLessThan(4);
    }
  });

  it('a sliding window differs from the position where it first forgets something', async () => {
    const { trials } = await play('sliding-window-32', 'q8_0');
    for (const { failed, stage2 } of trials) {
      expect(failed).toEqual(['equality']);
      const first = stage2?.comparison?.firstDifference as number;
      expect(first).toBeGreaterThan(15);
      expect(first).toBeLessThan(33);
    }
  });
});

describe('draws from the tail on real weights', () => {
  /** No filter cuts the list, so that one token in fifty comes from the tail. */
  const requests = ['Once upon a time', 'The cat', 'Tom and his dog'].map((content) => ({
    messages: [{ role: 'user', content }],
    max_tokens: 128,
    temperature: 1,
  }));

  it.each(
    choose([
      ['tail-choice', 'f16'],
      ['tail-choice', 'q8_0'],
      ['tail-end', 'q8_0'],
    ] as const),
  )('%s sold as %s has the values of the model, and not its choice', async (name, soldAs) => {
    const { trials, counts } = await play(name, soldAs, requests);
    const shown = JSON.stringify(counts);
    expect(counts.chosen, shown).toBeGreaterThan(0);
    for (const { stage2 } of trials) expect(stage2?.comparison?.identical).toBe(true);
    const found = trials.filter(({ failed }) => failed.length > 0);
    expect(found, shown).toHaveLength(counts.chosen as number);
    for (const { failed } of found) expect(failed).toEqual(['own-choice']);
  });
});

describe('massaged draws on real weights', () => {
  it.each(
    choose([
      ['massaged-q8-0', 'f16'],
      ['massaged-knowing-q8-0', 'f16'],
      ['massaged-q4-0', 'q8_0'],
      ['massaged-knowing-q4-0', 'q8_0'],
    ] as const),
  )('%s sold as %s replays, and is not what the model says', async (name, soldAs) => {
    const { trials, counts } = await play(name, soldAs);
    const shown = JSON.stringify(counts);
    expect(counts.missed, shown).toBeGreaterThan(0);
    expect(counts.lost, shown).toBe(0);
    const failed = new Set(trials.flatMap((trial) => trial.failed));
    // Where a changed value moves the edge of a list, that shows as well; nothing of the replay fails.
    expect(failed.has('equality'), shown).toBe((counts.massaged as number) > 0);
    expect([...failed].filter((id) => id !== 'equality' && id !== 'own-choice')).toEqual([]);
  });
});
