import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { describe, expect, it } from 'vitest';
import { type EqualityRun, encodeRun, parseRun } from './run-file.ts';
import { addCounts, NO_COUNTS, type RoundCounts, serveRound } from './serve-round.ts';

const SEEDS = [1, 2, 3, 4];

async function serveRounds(
  serving: FakeEngineOptions,
  checking: FakeEngineOptions = {},
  signal = new AbortController().signal,
): Promise<RoundCounts> {
  const shared = { contextSize: 700 };
  const provider = createFakeEngine({ ...shared, sequences: 8, ...serving });
  const verifier = createFakeEngine({ ...shared, sequences: 1, ...checking });
  try {
    let total: RoundCounts = NO_COUNTS;
    for (const seed of SEEDS) {
      total = addCounts(
        total,
        await serveRound({ provider, verifier, seed, maxTokens: 24, promptTokens: 400, signal }),
      );
    }
    return total;
  } finally {
    await Promise.all([provider.close(), verifier.close()]);
  }
}

describe('a run of conversations', () => {
  it('reproduces every reply of an honest provider: from the cache, with drafts, cancelled or not', async () => {
    const counts = await serveRounds({ drafts: 4 });
    expect(counts.differing).toBe(0);
    for (const count of [counts.cached, counts.drafted, counts.cancelled]) expect(count).toBeGreaterThan(0);
    expect(counts.replies).toBeGreaterThan(20);
    expect(counts.longest).toBeGreaterThan(400);
    expect(await serveRounds({ drafts: 4 })).toMatchObject({ replies: counts.replies, differing: 0 });
  });

  it.each([
    ['other weights', { weights: 2 }],
    ['a class that is not exact', { exact: false }],
  ])('sees %s in every reply', async (_what, checking) => {
    const counts = await serveRounds({}, checking);
    expect(counts.replies).toBeGreaterThan(20);
    expect(counts.differing).toBe(counts.replies);
  });

  it('finds an error in one logit of a thousand in nearly every reply, including short ones', async () => {
    const counts = await serveRounds({}, { error: 0.05 });
    expect(counts.differing).toBeGreaterThan(0.9 * counts.replies);
  });

  it('ends when it is stopped', async () => {
    const stopping = new AbortController();
    stopping.abort();
    expect(await serveRounds({}, {}, stopping.signal)).toEqual(NO_COUNTS);
  });
});

describe('the file of a run', () => {
  const run: EqualityRun = {
    ...{
      version: 1,
      way: 'exact',
      model: 'stories15M',
      weights: 'f16',
      code: 'abc',
      maxTokens: 96,
      promptTokens: 400,
    },
    ...{ machine: 'm', day: '2026-01-02', numericClass: 'c', rounds: 3, counts: { ...NO_COUNTS, tokens: 7 } },
  };
  it('is parsed to what was encoded', () => expect(parseRun(encodeRun(run))).toEqual(run));
  it('of another version is refused', () => {
    expect(() => parseRun(JSON.stringify({ ...run, version: 2 }))).toThrow('version 2');
  });
});
