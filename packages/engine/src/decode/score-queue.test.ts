import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { createRequest, createScoreRequest, hexOf, keyOf, NO_END } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeModel } from '@ogong/testing/engine/fake-model';
import { type Arrival, arrivals, serveTurns } from '@ogong/testing/engine/schedule-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TextEngine, TextGenerationRequest, TextScoringRequest } from '../interface/text.ts';
import type { BatchContext } from './batch-model.ts';
import { createPositionReaders } from './capture/position-readers.ts';
import { createGrammars, SCORING_WORK } from './grammar/grammar-cursor.ts';
import { createScoreQueue, type QueuedScore } from './score-queue.ts';

const SEED = 20261125;
const CONTEXT = 96;
const SHAPE = { vocabularySize: 320, embeddingSize: 32, contextSize: CONTEXT, weights: 1 };

const toRequest = ({ promptTokens, maxTokens, number }: Arrival): TextGenerationRequest =>
  createRequest('', {
    prompt: {
      kind: 'tokens',
      tokens: Uint32Array.from({ length: promptTokens }, (_, i) => 259 + ((i * i + number) % 40)),
    },
    ...{ maxTokens, drawKey: keyOf(number), bias: NO_END },
    sampler: number % 2 === 0 ? PLAIN_SAMPLER : { ...PLAIN_SAMPLER, frequencyPenaltyQ16: NAT / 4 },
  });

async function makeClaims(engine: TextEngine, schedule: readonly Arrival[]) {
  const turns = await serveTurns(engine, schedule, toRequest, CONTEXT - 1);
  return turns
    .filter(({ reply }) => reply.outputTokens.length > 0)
    .map(({ request, reply }) => ({ reply, claim: createScoreRequest(engine, request, reply) }));
}

/** Scores replies together. @returns each score, and the passes that all of them took. */
function scoreTogether(
  claims: readonly TextScoringRequest[],
  {
    sequences,
    keepsRows = false,
    bend,
  }: { sequences: number; keepsRows?: boolean; bend?: (context: BatchContext) => BatchContext },
) {
  const model = createFakeModel(SHAPE);
  const scores = new Map<number, QueuedScore>();
  const failed = new Map<number, unknown>();
  const passes: number[] = [];
  const readers = createPositionReaders(model.vocabularySize);
  const queue = createScoreQueue({
    ...{ model, keepsRows, readerOf: readers, grammars: createGrammars(model, SCORING_WORK) },
    openContext() {
      const context = model.createContext({ purpose: 'score', sequences });
      let rows = 0;
      const counted: BatchContext = {
        ...context,
        add(...row) {
          rows++;
          context.add(...row);
        },
        decode(outputs) {
          passes.push(rows);
          rows = 0;
          context.decode(outputs);
        },
      };
      return bend?.(counted) ?? counted;
    },
    done: (id, score) => scores.set(id, score),
    fail: (id, error) => failed.set(id, error),
  });
  claims.forEach((claim, id) => {
    queue.submit(id, claim);
  });
  while (queue.step());
  queue.free();
  return { scores, failed, passes, queue };
}

const LONG: Arrival = { promptTokens: 20, maxTokens: 30, after: 0, cancelAfter: undefined, number: 7 };
const SCHEDULE = [LONG, { ...LONG, maxTokens: 9, number: 8 }, { ...LONG, promptTokens: 3, number: 9 }];

describe('scores in one pass', () => {
  it(`equal those of each reply alone, with and without rows of others, seed ${SEED}`, async () => {
    const engine = createFakeEngine({ sequences: 3, contextSize: CONTEXT, maxQueue: 16 });
    await fc.assert(
      fc.asyncProperty(arrivals({ prompt: 60, output: 40 }), fc.boolean(), async (schedule, keepsRows) => {
        const claims = await makeClaims(engine, schedule);
        const { scores } = scoreTogether(
          claims.map(({ claim }) => claim),
          { sequences: 4, keepsRows },
        );
        claims.forEach(({ reply }, id) => {
          expect(scores.get(id)).toMatchObject({ windows: reply.windows, firstOtherChoice: -1, tailGap: undefined });
        });
      }),
      { seed: SEED, numRuns: 40 },
    );
    await engine.close();
  });

  it('take fewer passes', async () => {
    const claims = (await makeClaims(createFakeEngine({ contextSize: CONTEXT }), SCHEDULE)).map(({ claim }) => claim);
    const [alone, together] = [1, 4].map((sequences) => scoreTogether(claims, { sequences }).passes);
    expect(together?.length).toBeLessThan(alone?.length as number);
    const sum = (passes: readonly number[] = []) => passes.reduce((rows, pass) => rows + pass, 0);
    expect(sum(together)).toBe(sum(alone));
  });

  it('show where a row depends on its neighbours', async () => {
    const claims = (await makeClaims(createFakeEngine({ contextSize: CONTEXT }), SCHEDULE)).map(({ claim }) => claim);
    const bend = (context: BatchContext): BatchContext => {
      let sequences = new Set<number>();
      let isMixed = false;
      return {
        ...context,
        add(token, position, sequence, shapeClass) {
          sequences.add(sequence);
          context.add(token, position, sequence, shapeClass);
        },
        decode(outputs) {
          isMixed = sequences.size > 1;
          sequences = new Set();
          context.decode(outputs);
        },
        logits: () =>
          isMixed ? context.logits().map((value, i) => value + (i % 320 === 300 ? 2 : 0)) : context.logits(),
      };
    };
    const sketches = (options: Parameters<typeof scoreTogether>[1]) => {
      const { scores } = scoreTogether(claims, options);
      return claims.map((_, id) => hexOf(scores.get(id)?.windows ?? []));
    };
    const honest = sketches({ sequences: 4 });
    expect(sketches({ sequences: 4, bend })).not.toEqual(honest);
    expect(sketches({ sequences: 1, bend })).toEqual(honest);
  });

  it('compute the rows that a conversation shares once, also where its replies are asked for at the same time', async () => {
    const turns = await makeClaims(createFakeEngine({ contextSize: CONTEXT }), SCHEDULE);
    const claims = turns.map(({ claim }) => claim);
    const rowsOf = (keepsRows: boolean) => scoreTogether(claims, { sequences: 4, keepsRows });
    const [apart, shared] = [rowsOf(false), rowsOf(true)];
    const sum = (passes: readonly number[]) => passes.reduce((rows, pass) => rows + pass, 0);
    const cached = [...shared.scores.values()].reduce((rows, { cachedTokens }) => rows + cachedTokens, 0);
    // The second turn of each begins with the first one, prompt and reply.
    expect(cached).toBeGreaterThan(60);
    expect(sum(shared.passes)).toBe(sum(apart.passes) - cached);
    expect([...shared.scores.values()].map(({ windows }) => windows)).toHaveLength(claims.length);
    for (const [id, { windows }] of shared.scores) expect(windows).toEqual(turns[id]?.reply.windows);
  });

  it('of others go on where one claim cannot be scored, and where one is cancelled', async () => {
    const engine = createFakeEngine({ contextSize: CONTEXT, scoresTogether: 4 });
    const claims = await makeClaims(engine, SCHEDULE);
    const leaving = new AbortController();
    const scores = claims.map(({ claim }, i) =>
      engine.score(i === 1 ? { ...claim, grammar: 'root ::= "' } : claim, i === 2 ? { signal: leaving.signal } : {}),
    );
    leaving.abort();
    const results = await Promise.allSettled(scores);
    expect(results.map(({ status }) => status)).toEqual(
      claims.map((_, i) => (i === 1 || i === 2 ? 'rejected' : 'fulfilled')),
    );
    results.forEach((result, i) => {
      if (result.status === 'fulfilled') expect(result.value.windows).toEqual(claims[i]?.reply.windows);
    });
    // The sequences of both are free again.
    for (const { claim, reply } of claims) expect((await engine.score(claim)).windows).toEqual(reply.windows);
    await engine.close();
  });

  it('fail together where their pass does, and leave nothing behind', async () => {
    const claims = await makeClaims(createFakeEngine({ contextSize: CONTEXT }), SCHEDULE.slice(0, 1));
    const { failed, scores } = scoreTogether(
      claims.map(({ claim }) => claim),
      {
        ...{ sequences: 2, keepsRows: true },
        bend(context) {
          let decodes = 0;
          return {
            ...context,
            decode(outputs) {
              context.decode(outputs);
              if (++decodes === 2) throw new Error('the pass failed');
            },
          };
        },
      },
    );
    expect(failed.size).toBe(1);
    for (const [id, { windows }] of scores) expect(windows).toEqual(claims[id]?.reply.windows);
    expect(failed.size + scores.size).toBe(claims.length);
  });
});
