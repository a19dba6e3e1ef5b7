import { NAT, PLAIN_SAMPLER, type SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { type Arrival, arrivals, expectSameReplies } from '@ogong/testing/engine/schedule-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';

const SEED = 20261120;

const SAMPLERS: readonly Partial<SamplerSettings>[] = [
  {},
  { temperatureQ16: 0 },
  { presencePenaltyQ16: NAT / 2, frequencyPenaltyQ16: NAT / 8 },
  { temperatureQ16: NAT / 2, frequencyPenaltyQ16: -NAT / 4 },
  { temperatureQ16: NAT / 2, repetitionPenaltyQ16: 1.25 * NAT, repetitionWindow: 9 },
];

/** A few likely tokens, so that runs repeat, and an end that comes. */
const toRequest = ({ promptTokens, maxTokens, number }: Arrival): TextGenerationRequest => {
  const tokens = Uint32Array.from({ length: promptTokens }, (_, i) => 259 + ((i * i + number) % 7));
  const words = Array.from({ length: 1 + (number % 5) }, (_, i) => ({ id: 259 + i, biasQ16: 9 * NAT }));
  return createRequest('', {
    prompt: { kind: 'tokens', tokens },
    ...{ maxTokens, topLogprobs: 3, drawKey: keyOf(number), bias: [{ id: 2, biasQ16: 6 * NAT }, ...words] },
    stop: number % 3 === 0 ? [' cat sat'] : [],
    ...(number % 2 === 0 ? { firstDraw: number } : {}),
    sampler: { ...PLAIN_SAMPLER, ...SAMPLERS[number % SAMPLERS.length] },
  });
};

async function compare(
  schedule: readonly Arrival[],
  { shaped = false, ...options }: FakeEngineOptions = {},
): Promise<number> {
  const shared = { sequences: 3, contextSize: 96, maxQueue: 16, shaped };
  const engines = { plain: createFakeEngine(shared), guessing: createFakeEngine({ ...shared, drafts: 4, ...options }) };
  try {
    return await expectSameReplies(engines, schedule, toRequest);
  } finally {
    await Promise.all([engines.plain.close(), engines.guessing.close()]);
  }
}

const LOOP: Arrival = { promptTokens: 12, maxTokens: 60, after: 0, cancelAfter: undefined, number: 7 };

/** Nothing that repeats itself. */
const PLAIN = createRequest('Once', { maxTokens: 220, drawKey: keyOf(9), bias: NO_END });

describe('drafts', () => {
  it.each([false, true])(`change nothing that a reply says or commits to, shaped %s, seed ${SEED}`, async (shaped) => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(arrivals({ prompt: 60, output: 90 }), async (schedule) => {
        accepted += await compare(schedule, { shaped });
      }),
      { seed: SEED, numRuns: 60 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it.each([
    ['thinks alike', { error: 0.2 }],
    ['is another one', { weights: 2 }],
  ])(`of a model that %s change nothing either, seed ${SEED}`, async (_what, draftModel) => {
    await fc.assert(
      fc.asyncProperty(arrivals({ prompt: 60, output: 90 }), fc.boolean(), async (schedule, shaped) => {
        await compare(schedule, { shaped, draftModel });
      }),
      { seed: SEED, numRuns: 30 },
    );
  });

  it('of a model that thinks alike are right, and those of another one seldom come', async () => {
    const draft = async (draftModel: NonNullable<FakeEngineOptions['draftModel']>) => {
      const engine = createFakeEngine({ drafts: 4, draftModel, contextSize: 256 });
      try {
        const { events } = await collectReply(engine.generate(PLAIN));
        const end = events.at(-1);
        return end?.kind === 'end' ? end.drafts : undefined;
      } finally {
        await engine.close();
      }
    };
    const [alike, other] = [await draft({}), await draft({ weights: 2 })];
    expect(alike?.accepted).toBe(alike?.proposed);
    expect(alike?.accepted).toBeGreaterThan(150);
    // A model that is wrong rests: 200 tokens would have had 800 guesses.
    expect(other?.proposed).toBeLessThan(500);
    expect(other?.accepted).toBeLessThan((other?.proposed as number) / 3);
  });

  it('are taken where the draw is the guess, and only there', async () => {
    expect(await compare([LOOP])).toBeGreaterThan(5);
    // A cache that keeps what was guessed wrong shows at the next row.
    await expect(compare([LOOP], { keepsGuesses: true })).rejects.toMatchObject({ code: 'engine-crashed' });
  });

  it('show in other values where the model is another', async () => {
    await expect(compare([LOOP], { error: 0.01 })).rejects.toThrow(/deeply equal/);
  });

  it('are scored as replies without them', async () => {
    const [plain, guessing] = [createFakeEngine(), createFakeEngine({ drafts: 4 })];
    const reply = await collectReply(guessing.generate(toRequest(LOOP)));
    const scored = await plain.score(createScoreRequest(guessing, toRequest(LOOP), reply));
    expect(scored.windows).toEqual(reply.windows);
  });

  it('are not counted where there are none', async () => {
    const { events } = await collectReply(createFakeEngine().generate(toRequest(LOOP)));
    expect(events.at(-1)).not.toHaveProperty('drafts');
  });
});
