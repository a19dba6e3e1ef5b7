import { nativeHash } from '@ogong/engine/decode/native-hash';
import type {
  TextEngine,
  TextEngineInfo,
  TextGenerationEvent,
  TextGenerationRequest,
  TextScoringRequest,
} from '@ogong/engine/interface/text';
import { expFixed } from '@ogong/protocol/base/exponential';
import {
  type DrawRow,
  decodeDraws,
  decodeSketch,
  logSumOf,
  tokenOf,
} from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { createRepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  isListedOrder,
  MAX_LISTED,
  NAT,
  PLAIN_SAMPLER,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { findWrongMark } from '@ogong/protocol/modality/text/stage1/repeated-marks';
import { createProcessedTailBound } from '@ogong/protocol/modality/text/stage1/tail-bound';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEdges } from './compliance-edges.ts';
import { describeGrammars } from './compliance-grammars.ts';
import { type Capability, describeLacks } from './compliance-lacks.ts';
import { describePictures } from './compliance-pictures.ts';
import {
  collectReply,
  countOutputs,
  createRequest as createPlainRequest,
  createScoreRequest,
  hexOf,
  keyOf,
  NO_END,
  readRows,
  readShapeClasses,
  SKETCH,
} from './compliance-requests.ts';
import { describeTraces } from './compliance-traces.ts';

export interface ComplianceSubject {
  readonly name: string;
  open(options: { sequences: number; contextSize: number; maxQueue: number }): Promise<TextEngine>;
  /** Prompts that continue for a few dozen tokens under every key. */
  readonly prompts: readonly string[];
  /** Whether its prompts may share rows with others, as they do in an exact class. Default: yes. */
  readonly keepsPrefixes?: boolean;
  /** Whether it reads pictures. Default: no. */
  readonly readsPictures?: boolean;
  /** Lines and columns in which the 20 rows of a picture lie. Default: they have positions like tokens. */
  readonly pictureGrid?: readonly [number, number];
  /** Capabilities that it declares missing. It must refuse them, and rules about them do not apply. Default: none. */
  readonly lacks?: readonly Capability[];
}

const readCapability = ({ capabilities, layers }: TextEngineInfo, name: Capability): boolean => {
  if (name === 'edges') return layers !== undefined;
  if (name === 'texts') return capabilities.prompts.includes('text');
  if (name === 'token-prompts') return capabilities.prompts.includes('tokens');
  return capabilities[name] !== false && capabilities[name] !== 0 && capabilities[name] !== 'none';
};

const CAPABILITIES: readonly Capability[] = [
  ...([
    'exact',
    'trace',
    'draws',
    'score',
    'resume',
    'tokenize',
    'tools',
    'grammar',
    'bias',
    'filters',
    'repetition',
    'alternatives',
  ] as const),
  ...(['texts', 'token-prompts', 'edges'] as const),
];

const SAMPLERS: Readonly<Record<string, Partial<SamplerSettings>>> = {
  plain: {},
  greedy: { temperatureQ16: 0 },
  usual: { temperatureQ16: Math.round(0.8 * NAT), topK: 40, topPQ24: Math.round(0.95 * WEIGHT_ONE) },
  'hot and cut': { temperatureQ16: 1.5 * NAT, topPQ24: Math.round(0.9 * WEIGHT_ONE), filterOrder: ['top-p'] },
  'very hot': { temperatureQ16: 20 * NAT },
  'min-p': { minPQ24: Math.round(0.05 * WEIGHT_ONE), filterOrder: ['min-p'] },
  penalised: { presencePenaltyQ16: 0.5 * NAT, frequencyPenaltyQ16: 0.25 * NAT },
  'repetition penalised': { repetitionPenaltyQ16: 1.25 * NAT, temperatureQ16: 0.75 * NAT },
  'repetition rewarded': { repetitionPenaltyQ16: 0.75 * NAT, repetitionWindow: 6, presencePenaltyQ16: 0.5 * NAT },
  'penalised and cool': { temperatureQ16: 0.5 * NAT, frequencyPenaltyQ16: -NAT / 8, topK: 10 },
};

/** Replays every draw from the signed integers alone, and bounds the tail, as stage 1 does. */
function expectReplay(
  request: TextGenerationRequest,
  rows: readonly DrawRow[],
  { vocabularySize, promptTokens }: { readonly vocabularySize: number; readonly promptTokens: Uint32Array },
): void {
  const source = createDrawSource(nativeHash, request.drawKey);
  const bias = new Map(request.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const counts = new Map<number, number>();
  const repeated = createRepeatedTokens(request.sampler, promptTokens);
  const promptTokenCount = promptTokens.length;
  expect(findWrongMark({ ...request, promptTokenCount }, rows)).toBeUndefined();
  const bound = createProcessedTailBound({ ...request, vocabularySize, promptTokenCount });
  const costs = new Float64Array(MAX_LISTED);
  const weights = createWeights();
  rows.forEach((row, position) => {
    row.ids.forEach((id, i) => {
      costs[i] = computeCost(
        row.q[i] as number,
        bias.get(id) ?? 0,
        counts.get(id) ?? 0,
        request.sampler,
        logSumOf(row, i),
      );
      expect(row.repeated?.marks[i], `mark at ${position}`).toBe(repeated && (repeated.counts.has(id) ? 1 : 0));
    });
    expect(isListedOrder(row.ids, costs, row.ids.length), `order at ${position}`).toBe(true);
    computeWeights(costs, row.ids.length, row.tail, request.sampler, weights);
    expect(drawRank(row.ids, weights, source.draw(position)), `draw at ${position}`).toBe(row.rank);
    const mass = row.q.reduce((sum, q) => sum + expFixed(q), 0);
    expect(row.tail, `tail at ${position}`).toBeLessThanOrEqual(bound.compute(row, mass));
    const token = tokenOf(row);
    counts.set(token, (counts.get(token) ?? 0) + 1);
    bound.push(token);
    repeated?.push(token);
  });
}

/** Marks a rule as inapplicable: the engine declares that it lacks the capability, and another rule checks its refusal. */
const left = Object.assign(() => undefined, { each: () => () => undefined }) as unknown as typeof it;

/** The rules of every engine, as far as its declared capabilities reach. */
export function describeEngine({ name, open, prompts, ...options }: ComplianceSubject): void {
  const { keepsPrefixes = true, readsPictures = false, pictureGrid, lacks = [] } = options;
  const having = (...needed: Capability[]): typeof it => (needed.some((one) => lacks.includes(one)) ? left : it);
  const createRequest = (text: string, overrides: Partial<TextGenerationRequest> = {}): TextGenerationRequest => {
    const { bias = [] } = overrides;
    const asChat = { prompt: { kind: 'chat', messages: [{ role: 'user', content: text }] } } as const;
    return createPlainRequest(text, {
      ...(lacks.includes('texts') && asChat),
      ...overrides,
      bias: lacks.includes('bias') && bias === NO_END ? [] : bias,
    });
  };
  describe(name, () => {
    const [prompt = ''] = prompts;
    let engine: TextEngine;
    beforeAll(async () => {
      engine = await open({ sequences: 8, contextSize: 256, maxQueue: 32 });
    });
    afterAll(() => engine.close());
    const generate = (request: TextGenerationRequest, signal?: AbortSignal) =>
      collectReply(engine.generate(request, signal && { signal }));

    it('describes itself', () => {
      const info = engine.info();
      expect(info.modelRoot).toHaveLength(32);
      expect(info.vocabularyHash).toHaveLength(32);
      expect(info.exact).toBe(!lacks.includes('exact'));
      expect(info.sequences).toBe(8);
      expect(info.contextSize).toBe(256);
      expect(CAPABILITIES.filter((one) => !readCapability(info, one))).toEqual(
        CAPABILITIES.filter((one) => lacks.includes(one)),
      );
    });

    describeLacks(() => engine, prompt, { lacks, createRequest });

    having('draws')('streams start, tokens, windows and end in order', async () => {
      const reply = await generate(createRequest(prompt, { maxTokens: 70, bias: [] }));
      const { vocabularySize } = engine.info();
      const pieces: string[] = [];
      let tokens = 0;
      let covered = 0;
      for (const event of reply.events) {
        if (event.kind === 'token') {
          tokens++;
          pieces.push(event.text);
        } else if (event.kind === 'window') {
          const count = decodeDraws(event.window.draws, { vocabularySize }).rows.length;
          expect(decodeSketch(event.window.sketch, SKETCH)).toHaveLength(count);
          covered += count;
          expect(covered).toBe(tokens);
        }
      }
      expect(tokens).toBe(reply.outputTokens.length);
      expect(covered).toBe(tokens);
      expect(reply.text.startsWith(pieces.join(''))).toBe(true);
      expect(readRows(reply.windows, vocabularySize).map(tokenOf)).toEqual([...reply.outputTokens]);
      expect(reply.events.filter(({ kind }) => kind === 'end')).toHaveLength(1);
    });

    having('draws', 'score').each(Object.entries(SAMPLERS))(
      'scores eight concurrent replies to the same bytes: %s',
      async (_name, sampler) => {
        const requests = Array.from({ length: 8 }, (_, i) =>
          createRequest(prompts[i % prompts.length] as string, {
            sampler: { ...PLAIN_SAMPLER, ...sampler },
            drawKey: keyOf(100 + i),
            maxTokens: 24 + 5 * i,
          }),
        );
        const replies = await Promise.all(requests.map((request) => generate(request)));
        for (const [i, reply] of replies.entries()) {
          const request = requests[i] as TextGenerationRequest;
          const { vocabularySize } = engine.info();
          expectReplay(request, readRows(reply.windows, vocabularySize), { vocabularySize, ...reply });
          const scored = await engine.score(createScoreRequest(engine, request, reply));
          expect(scored.exact).toBe(true);
          expect(scored.numericClass).toBe(engine.info().numericClass);
          expect(hexOf(scored.windows)).toEqual(hexOf(reply.windows));
          expect(scored.firstOtherChoice).toBe(-1);
          expect(scored.tailGap).toBeUndefined();
        }
      },
    );

    having('draws', 'score').each(['plain', 'very hot', 'penalised and hot'])(
      'names the first list and the first unlisted token that are not its own choice: %s',
      async (name) => {
        const { vocabularySize } = engine.info();
        // No filter cuts the list, so every list has full length. The high temperature makes draws from the tail common.
        const temperatureQ16 = (name === 'plain' ? 3 : 20) * NAT;
        const sampler = {
          ...PLAIN_SAMPLER,
          ...(name === 'penalised and hot' ? SAMPLERS.penalised : {}),
          temperatureQ16,
        };
        const request = createRequest(prompt, { sampler, bias: NO_END, maxTokens: 60 });
        const reply = await generate(request);
        const rows = readRows(reply.windows, vocabularySize);
        const at = rows.findIndex(({ rank }, i) => i > 2 && rank === TAIL_RANK);
        expect(at, 'a reply this hot draws from the tail').toBeGreaterThan(0);
        const score = createScoreRequest(engine, request, reply);
        const choiceOf = async (bent: Partial<TextScoringRequest>) =>
          (await engine.score({ ...score, ...bent })).firstOtherChoice;
        expect(await choiceOf({})).toBe(-1);

        const own = rows[at] as DrawRow;
        const other = Array.from({ length: vocabularySize }, (_, id) => id).find(
          (id) => id > 2 && id !== own.tailId && !own.ids.includes(id),
        ) as number;
        const outputTokens = reply.outputTokens.map((token, i) => (i === at ? other : token));
        const scored = await engine.score({ ...score, outputTokens });
        expect(scored.firstOtherChoice).toBe(at);
        expect(scored.tailGap?.gap).toBeGreaterThan(0);
        // Every value is the model's, so only the choice differs.
        const seen = readRows(scored.windows, vocabularySize);
        expect(seen.slice(0, at)).toEqual(rows.slice(0, at));
        expect(seen[at]).toMatchObject({ ids: own.ids, q: own.q, tail: own.tail, rank: TAIL_RANK, tailId: other });

        const shorter = score.listSizes.map((size, i) => (i === 2 ? size - 1 : size));
        expect(await choiceOf({ listSizes: shorter })).toBe(2);
        expect(await choiceOf({ tailDraws: new Map() })).toBe(rows.findIndex(({ rank }) => rank === TAIL_RANK));
        const moved = new Map([...(score.tailDraws ?? [])].map(([i, u]) => [i, i < at ? u : 0]));
        expect(await choiceOf({ tailDraws: moved })).toBe(at);
      },
    );

    having('draws', 'score')('scores while replies run, and neither changes the other', async () => {
      const request = createRequest(prompt, { drawKey: keyOf(5) });
      const alone = await generate(request);
      const score = createScoreRequest(engine, request, alone);
      const [again, scored] = await Promise.all([
        generate(request),
        engine.score(score),
        generate(createRequest(prompt)),
      ]);
      expect(hexOf(again.windows)).toEqual(hexOf(alone.windows));
      expect(hexOf(scored.windows)).toEqual(hexOf(alone.windows));
    });

    having('draws', 'score')(
      'scores the next reply of a conversation from rows of the one before, where the class is exact',
      async () => {
        const asked = [...(await engine.tokenizePrompt({ kind: 'text', text: prompt }))];
        // Fewer than 16 rows are not kept.
        const long = Uint32Array.from({ length: 24 }, (_, i) => asked[i % asked.length] as number);
        const request = createRequest('', {
          prompt: { kind: 'tokens', tokens: long },
          drawKey: keyOf(6),
          maxTokens: 8,
        });
        const reply = await generate(request);
        const tokens = [...long, ...reply.outputTokens, ...long];
        const next = { ...request, prompt: { kind: 'tokens', tokens: Uint32Array.from(tokens) } } as const;
        const following = await generate(next);
        const score = () => engine.score(createScoreRequest(engine, request, reply));
        const scoreNext = () => engine.score(createScoreRequest(engine, next, following));
        await scoreNext();
        const first = await score();
        const second = await scoreNext();
        const last = await score();
        for (const scored of [first, last]) expect(hexOf(scored.windows)).toEqual(hexOf(reply.windows));
        expect(hexOf(second.windows)).toEqual(hexOf(following.windows));
        const keeps = keepsPrefixes && engine.info().exact;
        const shared = reply.promptTokens.length - 1;
        expect([first, last].map(({ cachedTokens }) => cachedTokens)).toEqual([keeps ? shared : 0, keeps ? shared : 0]);
        if (keeps) expect(second.cachedTokens).toBeGreaterThanOrEqual(shared);
        else expect(second.cachedTokens).toBe(0);
      },
    );

    having('draws', 'score')('scores another token to other bytes', async () => {
      const request = createRequest(prompt);
      const reply = await generate(request);
      const outputTokens = reply.outputTokens.slice();
      outputTokens[3] = ((outputTokens[3] as number) + 1) % engine.info().vocabularySize;
      const scored = await engine.score({ ...createScoreRequest(engine, request, reply), outputTokens });
      expect(hexOf(scored.windows)[0]).not.toBe(hexOf(reply.windows)[0]);
    });

    having('draws')('gives the same reply for the same key and another for another', async () => {
      const [a, b, c] = await Promise.all([
        generate(createRequest(prompt, { drawKey: keyOf(7) })),
        generate(createRequest(prompt, { drawKey: keyOf(7) })),
        generate(createRequest(prompt, { drawKey: keyOf(8) })),
      ]);
      expect(hexOf(b.windows)).toEqual(hexOf(a.windows));
      expect([...c.outputTokens]).not.toEqual([...a.outputTokens]);
    });

    having('draws', 'resume')('continues a reply where another ended', async () => {
      const whole = await generate(createRequest(prompt, { maxTokens: 20, bias: NO_END }));
      const carryOn = async (firstDraw: number) => {
        const tokens = Uint32Array.from([...whole.promptTokens, ...whole.outputTokens.subarray(0, 8)]);
        const request = createRequest('', { prompt: { kind: 'tokens', tokens }, maxTokens: 12, bias: NO_END });
        return (await generate({ ...request, firstDraw })).outputTokens;
      };
      expect(await carryOn(8)).toEqual(whole.outputTokens.subarray(8));
      expect(await carryOn(9)).not.toEqual(whole.outputTokens.subarray(8));
    });

    having('draws')('decodes the same tokens without a commitment', async () => {
      const committed = await generate(createRequest(prompt));
      const bare = await generate(createRequest(prompt, { commit: false }));
      expect([...bare.outputTokens]).toEqual([...committed.outputTokens]);
      expect(bare.windows).toEqual([]);
    });

    it('ends at the token limit', async () => {
      const reply = await generate(
        createRequest(prompt, { maxTokens: 3, sampler: { ...PLAIN_SAMPLER, temperatureQ16: 0 } }),
      );
      expect(countOutputs(reply)).toBe(3);
      expect(reply.stopReason).toBe('length');
    });

    it('ends at a stop string and keeps it out of the text', async () => {
      const full = await generate(createRequest(prompt));
      const stop = full.text.slice(6, 10);
      const cut = await generate(createRequest(prompt, { stop: [stop] }));
      // A server that cuts the text itself need not give the reason.
      expect(lacks.includes('draws') ? ['stop-string', 'stop-token'] : ['stop-string']).toContain(cut.stopReason);
      expect(cut.text).toBe(full.text.slice(0, full.text.indexOf(stop)));
      const streamed = cut.events.map((event) => (event.kind === 'token' ? event.text : '')).join('');
      expect(streamed).toBe(cut.text);
    });

    having('draws')(
      'never draws a token with a large negative bias, and always one with a large positive bias',
      async () => {
        const request = createRequest(prompt, { maxTokens: 12 });
        const [first] = (await generate(request)).outputTokens as unknown as [number];
        const without = await generate({ ...request, bias: [{ id: first, biasQ16: -100 * NAT }] });
        expect([...without.outputTokens]).not.toContain(first);
        const { vocabularySize } = engine.info();
        const biased = { ...request, bias: [{ id: first, biasQ16: -100 * NAT }] };
        expectReplay(biased, readRows(without.windows, vocabularySize), { vocabularySize, ...without });
        const only = await generate({ ...request, bias: [{ id: first, biasQ16: 100 * NAT }] });
        expect(new Set(only.outputTokens)).toEqual(new Set([first]));
      },
    );

    having('alternatives')('names alternatives, likeliest first', async () => {
      const reply = await generate(createRequest(prompt, { topLogprobs: 5, maxTokens: 4 }));
      for (const event of reply.events) {
        if (event.kind !== 'token') continue;
        const values = event.alternatives.map(({ logprob }) => logprob);
        expect(values).toHaveLength(5);
        expect([...values].sort((a, b) => b - a)).toEqual(values);
      }
    });

    having('tokenize')('tokenises prompts and detokenises them', async () => {
      const tokens = await engine.tokenizePrompt({ kind: 'text', text: prompt });
      expect(new TextDecoder().decode(await engine.detokenize(tokens)).trim()).toBe(prompt);
      const chat = await engine.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content: prompt }] });
      expect(chat.length).toBeGreaterThan(0);
      const reply = await generate(createRequest(prompt, { prompt: { kind: 'tokens', tokens }, maxTokens: 5 }));
      expect([...reply.promptTokens]).toEqual([...tokens]);
    });

    it('ends with `cancelled` when its signal aborts', async () => {
      // A long reply: an engine in its own process must not finish it while this process sleeps.
      const roomy = await open({ sequences: 1, contextSize: 2_048, maxQueue: 1 });
      try {
        const controller = new AbortController();
        const events: TextGenerationEvent[] = [];
        const request = createRequest(prompt, { maxTokens: 1_900, bias: NO_END });
        for await (const event of roomy.generate(request, { signal: controller.signal })) {
          events.push(event);
          if (events.length === 5) controller.abort();
        }
        const end = events.at(-1);
        expect(end?.kind === 'end' && end.stopReason).toBe('cancelled');
        expect(events.length).toBeLessThan(1_400);
      } finally {
        await roomy.close();
      }
    });

    it.each([
      ['a short draw key', { drawKey: new Uint8Array(31) }],
      ['no tokens asked for', { maxTokens: 0 }],
      ['a token outside the vocabulary', { prompt: { kind: 'tokens', tokens: Uint32Array.of(2 ** 24) } }],
      ['an empty prompt', { prompt: { kind: 'tokens', tokens: new Uint32Array(0) } }],
      ['a negative temperature', { sampler: { ...PLAIN_SAMPLER, temperatureQ16: -1 } }],
      ['a bias outside the vocabulary', { bias: [{ id: 2 ** 24, biasQ16: 0 }] }],
      ['odd sketch directions', { sketch: { ...SKETCH, directions: 12 } }],
      ['an empty stop string', { stop: [''] }],
    ] as [string, Partial<TextGenerationRequest>][])('rejects %s', async (_name, overrides) => {
      await expect(generate(createRequest(prompt, overrides))).rejects.toMatchObject({ code: 'invalid-request' });
    });

    having('draws', 'score')('rejects a score whose list sizes, shape classes or tail draws do not match', async () => {
      const request = createRequest(prompt, { maxTokens: 4 });
      const score = createScoreRequest(engine, request, await generate(request));
      await expect(engine.score({ ...score, listSizes: new Uint8Array(3).fill(20) })).rejects.toMatchObject({
        code: 'invalid-request',
      });
      await expect(engine.score({ ...score, listSizes: score.listSizes.map(() => 65) })).rejects.toMatchObject({
        code: 'invalid-request',
      });
      await expect(engine.score({ ...score, shapeClasses: new Uint8Array(3) })).rejects.toMatchObject({
        code: 'invalid-request',
      });
      for (const [position, u] of [
        [4, 1],
        [-1, 1],
        [0.5, 1],
        [0, WEIGHT_ONE],
        [0, Number.NaN],
      ] as const) {
        await expect(engine.score({ ...score, tailDraws: new Map([[position, u]]) })).rejects.toMatchObject({
          code: 'invalid-request',
        });
      }
    });

    having('draws', 'score')('scores a claim of an unknown shape class in its own', async () => {
      const request = createRequest(prompt, { maxTokens: 4 });
      const reply = await generate(request);
      const score = createScoreRequest(engine, request, reply);
      const { windows } = await engine.score({ ...score, shapeClasses: score.listSizes.map(() => 77) });
      const { vocabularySize } = engine.info();
      const known = readShapeClasses(windows, vocabularySize);
      expect(known).not.toContain(77);
      expect(hexOf((await engine.score({ ...score, shapeClasses: known })).windows)).toEqual(hexOf(windows));
    });

    describePictures(() => engine, { readsPictures, grid: pictureGrid });
    if (!lacks.includes('trace')) describeTraces(() => engine, prompt);
    if (!lacks.includes('edges')) describeEdges(() => engine, prompt);
    if (!lacks.includes('grammar') && !lacks.includes('draws')) describeGrammars(() => engine, prompt, expectReplay);

    describe('with one slot and a short context', () => {
      let small: TextEngine;
      beforeAll(async () => {
        small = await open({ sequences: 1, contextSize: 64, maxQueue: 1 });
      });
      afterAll(() => small.close());

      having('draws')('ends when the context is full', async () => {
        const reply = await collectReply(small.generate(createRequest(prompt, { maxTokens: 1000, bias: NO_END })));
        expect(reply.stopReason).toBe('context');
        expect(reply.promptTokens.length + reply.outputTokens.length).toBe(64);
      });

      having('token-prompts')('rejects a prompt that leaves no room for a token', async () => {
        const tokens = new Uint32Array(64).fill(5);
        const attempt = collectReply(small.generate(createRequest('', { prompt: { kind: 'tokens', tokens } })));
        await expect(attempt).rejects.toMatchObject({ code: 'prompt-too-long' });
      });

      it('gives the slot to the next request when a reply is abandoned', async () => {
        const long = createRequest(prompt, { maxTokens: 50, bias: NO_END });
        for await (const event of small.generate(long)) if (event.kind === 'token') break;
        const next = await collectReply(small.generate(createRequest(prompt, { maxTokens: 2, bias: NO_END })));
        expect(countOutputs(next)).toBe(2);
      });

      it('refuses requests beyond its queue with an error that can be retried', async () => {
        const request = createRequest(prompt, { maxTokens: 30, bias: NO_END });
        const results = await Promise.allSettled(
          Array.from({ length: 6 }, () => collectReply(small.generate(request))),
        );
        const refused = results.filter((result) => result.status === 'rejected');
        expect(refused.length).toBeGreaterThan(0);
        expect(refused.length).toBeLessThan(6);
        for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryable: true });
      });
    });

    it('fails running and later requests when it is closed', async () => {
      const other = await open({ sequences: 1, contextSize: 256, maxQueue: 4 });
      const running = collectReply(other.generate(createRequest(prompt, { maxTokens: 200, bias: NO_END })));
      running.catch(() => undefined);
      if (!lacks.includes('tokenize')) await other.tokenizePrompt({ kind: 'text', text: 'x' });
      await other.close();
      await expect(running).rejects.toMatchObject({ code: 'engine-closed' });
      await expect(other.tokenizePrompt({ kind: 'text', text: 'x' })).rejects.toMatchObject({ code: 'engine-closed' });
      await other.close();
    });
  });
}
