import { setImmediate } from 'node:timers/promises';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  hexOf,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { arrivals, expectSameReplies } from '@ogong/testing/engine/schedule-compliance';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineError } from '../interface/engine-error.ts';
import type { TextEngine } from '../interface/text.ts';

const SEED = 20261129;
const SHAPE = { sequences: 3, contextSize: 96, maxQueue: 16 };

const opened: TextEngine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close();
});

const open = (beforePass?: () => Promise<void>, options: Partial<Parameters<typeof createFakeEngine>[0]> = {}) => {
  const engine = createFakeEngine({ ...SHAPE, ...options, ...(beforePass && { beforePass }) });
  opened.push(engine);
  return engine;
};

/** Holds the passes of an engine back, one at a time. */
function createGate() {
  const held: PromiseWithResolvers<void>[] = [];
  let isOpen = true;
  return {
    pass: async (): Promise<void> => {
      if (isOpen) return;
      const pass = Promise.withResolvers<void>();
      held.push(pass);
      await pass.promise;
    },
    close: () => {
      isOpen = false;
    },
    /** Waits for the next pass to begin. */
    next: async (): Promise<PromiseWithResolvers<void>> => {
      while (held.length === 0) await setImmediate();
      return held.shift() as PromiseWithResolvers<void>;
    },
    open: () => {
      isOpen = true;
      for (const pass of held.splice(0)) pass.resolve();
    },
  };
}

describe('passes that other processes compute', () => {
  it.each([1, 3])(`give the replies of passes in this process, in %i groups, seed ${SEED}`, async (groups) => {
    await fc.assert(
      fc.asyncProperty(arrivals({ prompt: 60, output: 40 }), async (schedule) => {
        const engines = {
          plain: createFakeEngine(SHAPE),
          slow: createFakeEngine({ ...SHAPE, drafts: 3, groups, beforePass: () => setImmediate() }),
        };
        try {
          await expectSameReplies(
            { plain: engines.plain, guessing: engines.slow },
            schedule,
            ({ promptTokens, maxTokens, number }) =>
              createRequest('', {
                prompt: {
                  kind: 'tokens',
                  tokens: Uint32Array.from({ length: promptTokens }, (_, i) => 259 + ((i + number) % 5)),
                },
                ...{ maxTokens, drawKey: keyOf(number), bias: NO_END },
              }),
          );
        } finally {
          await Promise.all([engines.plain.close(), engines.slow.close()]);
        }
      }),
      { seed: SEED, numRuns: 20 },
    );
  });

  it.each([
    ['prompt', 1],
    ['step', 5],
  ])('end with a cancellation that comes during a pass of a %s, and another reply goes on', async (_kind, passes) => {
    const gate = createGate();
    const engine = open(gate.pass);
    const other = createRequest('Once', { maxTokens: 20, drawKey: keyOf(2), bias: NO_END });
    const alone = await collectReply(engine.generate(other));
    gate.close();
    const controller = new AbortController();
    const request = createRequest('Twice', { maxTokens: 60, bias: NO_END });
    const cancelled = collectReply(engine.generate(request, { signal: controller.signal }));
    for (let i = 1; i < passes; i++) (await gate.next()).resolve();
    const pass = await gate.next();
    const beside = collectReply(engine.generate(other));
    controller.abort();
    await setImmediate();
    pass.resolve();
    gate.open();
    expect((await cancelled).stopReason).toBe('cancelled');
    expect(hexOf((await beside).windows)).toEqual(hexOf(alone.windows));
    expect(hexOf((await collectReply(engine.generate(request))).windows)).toHaveLength(2);
  });

  it('are under way for each group at the same time, and end the replies of their own group if they fail', async () => {
    const gate = createGate();
    const engine = open(gate.pass, { sequences: 4, groups: 2 });
    gate.close();
    const replies = [1, 2].map((n) =>
      collectReply(engine.generate(createRequest('Once', { maxTokens: 4, drawKey: keyOf(n), bias: NO_END }))),
    );
    const ends = Promise.allSettled(replies);
    const [first, second] = [await gate.next(), await gate.next()];
    first.reject(new EngineError('engine-crashed', 'a segment is gone'));
    second.resolve();
    gate.open();
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  it('end with the error of a pass that fails, and the next reply is whole', async () => {
    const gate = createGate();
    const engine = open(gate.pass);
    const request = createRequest('Once', { maxTokens: 20, bias: NO_END, cacheScope: 'one' });
    const before = await collectReply(engine.generate(request));
    gate.close();
    const failing = [request, createRequest('Twice')].map((each) => collectReply(engine.generate(each)));
    failing.push(collectReply(engine.generate(request, { signal: AbortSignal.timeout(0) })));
    const ends = Promise.allSettled(failing);
    (await gate.next()).resolve();
    (await gate.next()).reject(new EngineError('engine-crashed', 'a segment is gone', { retryable: true }));
    gate.open();
    const [first] = await ends;
    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'a segment is gone', retryable: true } });
    expect(hexOf((await collectReply(engine.generate(request))).windows)).toEqual(hexOf(before.windows));
  });

  it('end with a score that is cancelled during a pass, and another score goes on', async () => {
    const gate = createGate();
    const engine = open(gate.pass, { scoresTogether: 2 });
    const request = createRequest('Once', { maxTokens: 20, bias: NO_END });
    const reply = await collectReply(engine.generate(request));
    const score = createScoreRequest(engine, request, reply);
    gate.close();
    const controller = new AbortController();
    const cancelled = engine.score(score, { signal: controller.signal });
    const scored = engine.score(score);
    const pass = await gate.next();
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    pass.resolve();
    gate.open();
    expect(hexOf((await scored).windows)).toEqual(hexOf(reply.windows));
    expect(hexOf((await engine.score(score)).windows)).toEqual(hexOf(reply.windows));
  });
});
