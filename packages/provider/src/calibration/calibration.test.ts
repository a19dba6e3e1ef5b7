import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { isOk } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectReports, collectServed } from './collect.ts';
import { createPrompt, drawOutPrompt, PROMPT_KINDS } from './prompts.ts';
import { kindOfPrompt, planRequest } from './request-plan.ts';
import { checkSampleHeader, replaySample, type ServedSample, scoreSample, serveSample } from './sample.ts';
import { openSampleStore, type SampleStore } from './sample-store.ts';

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const engine = createFakeEngine();
const other = createFakeEngine({ weights: 2 });
afterAll(() => Promise.all([engine.close(), other.close()]));

const plan = { maxTokens: 40 };

describe('a sample', () => {
  it('is a reply that both stages accept', async () => {
    const sample = (await serveSample(
      { seed: 5, body: planRequest(plan, 5) },
      { engine, crypto, signer },
    )) as ServedSample;
    const { record, opening, replay } = replaySample(crypto, sample)!;
    expect(isOk(replay.checks)).toBe(true);
    expect(isOk(checkSampleHeader(crypto, sample, { header: replay.header!, contextSize: 512 }))).toBe(true);
    const warmer = { ...replay.header!, sampler: { ...replay.header!.sampler, temperatureQ16: 1 } };
    expect(
      checkSampleHeader(crypto, sample, { header: warmer, contextSize: 512 }).find(({ status }) => status === 'fail')
        ?.id,
    ).toBe('sampler');
    const report = parseScoreReport((await scoreSample(sample, { engine, crypto })) as Uint8Array);
    const { outcome } = adjudicateReport(crypto, { record, opening, header: replay.header! }, report);
    expect(outcome).toBe('accept');
  });

  it('of another model is rejected', async () => {
    const request = { seed: 5, body: planRequest(plan, 5) };
    const sample = (await serveSample(request, { engine: other, crypto, signer })) as ServedSample;
    const { record, opening, replay } = replaySample(crypto, sample)!;
    const report = parseScoreReport((await scoreSample(sample, { engine, crypto })) as Uint8Array);
    expect(adjudicateReport(crypto, { record, opening, header: replay.header! }, report).outcome).toBe('reject');
  });

  it('holds no opening if the provider refuses one, and is then neither replayed nor scored', async () => {
    const open = () => {
      throw new Error('no');
    };
    const request = { seed: 5, body: planRequest(plan, 5) };
    const sample = (await serveSample(request, { engine, crypto, signer, open })) as ServedSample;
    expect(replaySample(crypto, sample)).toBeUndefined();
    expect(await scoreSample(sample, { engine, crypto })).toBeUndefined();
    const late = { engine, crypto, signer, open: () => new Promise<Uint8Array>(() => undefined) };
    expect(replaySample(crypto, (await serveSample(request, late)) as ServedSample)).toBeUndefined();
  });

  it('is the same bytes for the same seed, and others for another', async () => {
    const serve = (seed: number) => serveSample({ seed, body: planRequest(plan, seed) }, { engine, crypto, signer });
    const [a, b, c] = await Promise.all([serve(1), serve(1), serve(2)]);
    expect(a?.opening).toEqual(b?.opening);
    expect(a?.opening).not.toEqual(c?.opening);
  });
});

describe('a request of any sampler', () => {
  it('is one that stage 1 replays', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const body = planRequest({ maxTokens: 24, sampler: 'any', kinds: ['story', 'unicode'] }, seed);
      const sample = await serveSample({ seed, body }, { engine, crypto, signer });
      if (sample === undefined) continue;
      const { replay } = replaySample(crypto, sample)!;
      expect(replay.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    }
  });
});

it('the kind of a prompt follows from its seed', () => {
  const kinds = Array.from({ length: 40 }, (_, seed) => {
    const kind = kindOfPrompt(seed);
    const { messages } = JSON.parse(new TextDecoder().decode(planRequest({ maxTokens: 8 }, seed)));
    expect(messages).toEqual([{ role: 'user', content: createPrompt(kind, seed) }]);
    return kind;
  });
  expect(new Set(kinds)).toEqual(new Set(PROMPT_KINDS));
});

describe('prompts that are drawn out', () => {
  it('are a third, of all lengths up to the given one, and the same for the same seed', () => {
    const seeds = Array.from({ length: 300 }, (_, i) => 1 + i);
    const words = seeds.map((seed) => {
      const prompt = drawOutPrompt('Tell me more.', seed, 1600);
      expect(drawOutPrompt('Tell me more.', seed, 1600)).toBe(prompt);
      expect(prompt.endsWith('Tell me more.')).toBe(true);
      return prompt.split(' ').length;
    });
    const long = words.filter((count) => count > 3);
    expect(long.length).toBeGreaterThan(75);
    expect(long.length).toBeLessThan(125);
    expect(Math.max(...long)).toBeLessThanOrEqual(1000);
    for (const [low, high] of [
      [4, 333],
      [333, 667],
      [667, 1001],
    ] as const) {
      expect(long.filter((count) => count >= low && count < high).length).toBeGreaterThan(15);
    }
  });
});

describe('mixed requests', () => {
  it('are usual ones and such of any sampler, each decided by its seed', () => {
    const seeds = Array.from({ length: 300 }, (_, i) => 1 + i);
    const bodies = (sampler: 'usual' | 'any' | 'mixed') =>
      seeds.map((seed) => new TextDecoder().decode(planRequest({ maxTokens: 24, sampler }, seed)));
    const [usual, any, mixed] = [bodies('usual'), bodies('any'), bodies('mixed')];
    expect(mixed.every((body, i) => body === usual[i] || body === any[i])).toBe(true);
    const share = mixed.filter((body, i) => body === any[i]).length / seeds.length;
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.42);
  });
});

describe('collecting', () => {
  let directory: string;
  let store: SampleStore;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-samples-'));
    store = openSampleStore(join(directory, 'samples.sqlite'));
  });
  afterAll(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });

  it('does what is missing, once', async () => {
    const collected: string[] = [];
    const onProgress = ({ verifier, done, total }: { verifier: string | undefined; done: number; total: number }) =>
      collected.push(`${verifier ?? 'served'} ${done}/${total}`);
    const run = async (seeds: readonly number[]) => {
      await collectServed({ store, source: 'honest', seeds, engine, crypto, signer, plan, onProgress });
      await collectReports({ store, source: 'honest', verifier: 'same', seeds, engine, crypto, onProgress });
    };
    await run([1, 2]);
    await run([1, 2, 3]);
    expect(collected).toEqual(['served 1/2', 'served 2/2', 'same 1/2', 'same 2/2', 'served 1/1', 'same 1/1']);
    expect(store.listPairs()).toEqual([{ source: 'honest', verifier: 'same', count: 3 }]);
    expect([...store.readScored('honest', 'same')].map(({ seed }) => seed)).toEqual([1, 2, 3]);
  });

  it('has no reply if a source refuses and that is tolerated, and fails otherwise', async () => {
    const refusing = {
      ...engine,
      // biome-ignore lint/correctness/useYield: it refuses before it says anything.
      async *generate(): AsyncGenerator<never> {
        throw new EngineError('overloaded', 'not now');
      },
    };
    const options = { store, source: 'refusing', seeds: [1, 2], engine: refusing, crypto, signer, plan };
    await collectServed({ ...options, tolerates: (error) => error instanceof EngineError });
    expect(store.listSeeds('refusing')).toEqual([]);
    await expect(collectServed(options)).rejects.toThrow('not now');
  });

  it('stops where it is told to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    const options = { store, source: 'stopped', seeds: [1], engine, crypto, signer, plan, signal: stop.signal };
    await expect(collectServed(options)).rejects.toThrow('enough');
    expect(store.listSeeds('stopped')).toEqual([]);
  });
});

describe('prompts', () => {
  it('follow from kind and seed', () => {
    for (const kind of PROMPT_KINDS) {
      expect(createPrompt(kind, 9)).toBe(createPrompt(kind, 9));
      expect(new Set(Array.from({ length: 50 }, (_, seed) => createPrompt(kind, seed))).size).toBeGreaterThan(10);
    }
  });
});
