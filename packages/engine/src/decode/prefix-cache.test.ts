import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { collectReply, createRequest, createScoreRequest, keyOf } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { type Arrival, arrivals, countCached, serveTurns } from '@ogong/testing/engine/schedule-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TextEngine, TextGenerationRequest } from '../interface/text.ts';

const SEED = 20261120;
const CONTEXT = 160;
const shared = { sequences: 3, contextSize: CONTEXT, maxQueue: 16 };

const toRequest = ({ promptTokens, maxTokens, number }: Arrival): TextGenerationRequest =>
  createRequest('', {
    prompt: {
      kind: 'tokens',
      tokens: Uint32Array.from({ length: promptTokens }, (_, i) => 259 + ((i * i + (number % 3)) % 7)),
    },
    ...{ maxTokens, drawKey: keyOf(number), bias: [{ id: 2, biasQ16: 4 * NAT }] },
    sampler: { ...PLAIN_SAMPLER, ...(number % 2 === 0 ? { presencePenaltyQ16: NAT / 2 } : {}) },
  });

/** Every reply of an engine that reuses prefixes is the one of an engine that never does. */
async function expectUnchanged(caching: TextEngine, schedule: readonly Arrival[], shaped = false): Promise<number> {
  const plain = createFakeEngine({ ...shared, shaped });
  try {
    const turns = await serveTurns(caching, schedule, toRequest, CONTEXT - 1);
    for (const { request, reply } of turns) {
      const { cacheScope: _, ...unscoped } = request;
      const alone = await collectReply(plain.generate(unscoped));
      expect(countCached([{ request, reply: alone }])).toBe(0);
      const count = reply.outputTokens.length;
      expect(reply.outputTokens).toEqual(alone.outputTokens.subarray(0, count));
      if (reply.stopReason !== 'cancelled') expect(reply.windows).toEqual(alone.windows);
    }
    return countCached(turns);
  } finally {
    await plain.close();
  }
}

async function withEngine<T>(options: FakeEngineOptions, use: (engine: TextEngine) => Promise<T>): Promise<T> {
  const engine = createFakeEngine({ ...shared, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

describe('prefixes that were kept', () => {
  it.each([
    { drafts: 0, shaped: false, least: 400 },
    { drafts: 4, shaped: false, least: 400 },
    // Rows that were generated in another class than prompts run in are none of a prompt's.
    { drafts: 0, shaped: true, least: 400 },
    { drafts: 4, shaped: true, least: 400 },
  ])(`change nothing that a reply says or commits to: %o, seed ${SEED}`, ({ drafts, shaped, least }) =>
    withEngine({ drafts, shaped }, async (engine) => {
      let cached = 0;
      await fc.assert(
        fc.asyncProperty(arrivals({ prompt: 60, output: 60 }), async (schedule) => {
          cached += await expectUnchanged(engine, schedule, shaped);
        }),
        { seed: SEED, numRuns: 16 },
      );
      expect(cached).toBeGreaterThan(least);
    }),
  );

  const long = createRequest('Once upon a time there was a girl who lived in a small house by the sea', {
    maxTokens: 4,
  });
  const cachedOf = async (engine: TextEngine, cacheScope: string | undefined): Promise<number> => {
    const request = cacheScope === undefined ? long : { ...long, cacheScope };
    return countCached([{ request, reply: await collectReply(engine.generate(request)) }]);
  };

  it('are found by requests of the same scope alone', () =>
    withEngine({ sequences: 8 }, async (engine) => {
      expect(await cachedOf(engine, 'a')).toBe(0);
      expect(await cachedOf(engine, 'b')).toBe(0);
      expect(await cachedOf(engine, undefined)).toBe(0);
      const { promptTokens } = await collectReply(engine.generate(long));
      expect(await cachedOf(engine, 'a')).toBe(promptTokens.length - 1);
      expect(await cachedOf(engine, 'c')).toBe(0);
      expect(await cachedOf(engine, undefined)).toBe(0);
    }));

  it.each([
    ['in a class that is not exact', { exact: false }],
    ['where they are not wanted', { prefixCache: false }],
  ])('are none %s', (_, options) =>
    withEngine(options, async (engine) => {
      for (let i = 0; i < 3; i++) expect(await cachedOf(engine, 'a')).toBe(0);
    }),
  );

  it('are forgotten where a pass failed', () =>
    withEngine({ failAtDecode: 12 }, async (engine) => {
      await cachedOf(engine, 'a');
      await expect(cachedOf(engine, 'b')).rejects.toMatchObject({ code: 'engine-crashed' });
      expect(await cachedOf(engine, 'a')).toBe(0);
      expect(await cachedOf(engine, 'a')).toBeGreaterThan(0);
    }));

  describe('by scores', () => {
    const second = createRequest('Once upon a time there was a girl who lived in a small house by the forest', {
      maxTokens: 4,
    });
    const scoreOf = async (engine: TextEngine, request: TextGenerationRequest) => {
      const plain = createFakeEngine(shared);
      const reply = await collectReply(plain.generate(request));
      await plain.close();
      const { windows, cachedTokens } = await engine.score(createScoreRequest(engine, request, reply));
      expect(windows).toEqual(reply.windows);
      return cachedTokens;
    };

    it('serve the next score, whatever its reply was', () =>
      withEngine({}, async (engine) => {
        const found = [await scoreOf(engine, long), await scoreOf(engine, second), await scoreOf(engine, second)];
        expect(found[0]).toBe(0);
        expect(found[1]).toBeGreaterThan(60);
        expect(found[2]).toBeGreaterThan(found[1] as number);
      }));

    it('are none where they are not wanted', () =>
      withEngine({ prefixCache: false }, async (engine) => {
        expect([await scoreOf(engine, long), await scoreOf(engine, long)]).toEqual([0, 0]);
      }));

    it('show if a cache keeps rows that it had to forget', () =>
      withEngine({ keepsGuesses: true }, async (engine) => {
        await scoreOf(engine, long);
        await expect(scoreOf(engine, second)).rejects.toThrow();
      }));

    it('are forgotten where a pass failed', () =>
      withEngine({ failAtDecode: 2 }, async (engine) => {
        await expect(scoreOf(engine, long)).rejects.toMatchObject({ code: 'engine-crashed' });
        expect([await scoreOf(engine, long), await scoreOf(engine, long)]).toEqual([0, expect.any(Number)]);
      }));
  });

  it('belong to scopes of bounded length', () =>
    withEngine({}, async (engine) => {
      await expect(cachedOf(engine, 'x'.repeat(513))).rejects.toMatchObject({ code: 'invalid-request' });
    }));

  it('show if a cache keeps rows that it had to forget', () =>
    withEngine({ keepsGuesses: true }, async (engine) => {
      const schedule: Arrival[] = [{ promptTokens: 30, maxTokens: 20, after: 0, cancelAfter: undefined, number: 3 }];
      await expect(expectUnchanged(engine, schedule)).rejects.toThrow();
    }));
});
