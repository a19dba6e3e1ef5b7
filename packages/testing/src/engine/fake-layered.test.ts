import { createUpstreamRows } from '@ogong/engine/decode/segment-chain';
import { describe, expect, it } from 'vitest';
import { describeEngine } from './compliance.ts';
import { collectReply, createRequest, createScoreRequest, NO_END } from './compliance-requests.ts';
import { createFakeEngine, type FakeEngineOptions } from './fake.ts';
import { createLayeredSegment } from './fake-layered-segment.ts';
import { describeSegments } from './segment-compliance.ts';

const MODEL = { weights: 1, layers: 6, embeddingSize: 32, vocabularySize: 320 };
const PROMPTS = [
  'Once upon a time',
  'a',
  'The longest prompt of these has more bytes than one prompt chunk holds',
  'é🙂',
];

/** Opens segments between edges of the model, and the engine that chains them. */
function openChain(edges: readonly number[], options: FakeEngineOptions = {}) {
  const { contextSize = 256, sequences = 8 } = options;
  const segments = edges.slice(1).map((to, i) =>
    createLayeredSegment({
      ...{ ...MODEL, from: edges[i] as number, to, contextSize },
      ...{ sequences: sequences + 1, passRows: 64 },
    }),
  );
  const chain = {
    last: segments.at(-1) as (typeof segments)[number],
    before: createUpstreamRows(segments.slice(0, -1)),
  };
  return createFakeEngine({ ...MODEL, ...options, chain });
}

describeSegments({
  name: 'segments of a fake model',
  open: async (options) =>
    [
      [0, 2],
      [2, 4],
      [4, 6],
    ].map(([from, to]) =>
      createLayeredSegment({ ...MODEL, vocabularySize: 420, ...options, from: from as number, to: to as number }),
    ),
});

describeEngine({
  name: 'fake engine of layers',
  open: async (options) => createFakeEngine({ ...MODEL, ...options, isLayered: true }),
  prompts: PROMPTS,
});

describeEngine({
  name: 'fake engine of a chain of segments',
  open: async (options) => openChain([0, 2, 4, 6], options),
  prompts: PROMPTS,
  lacks: ['trace', 'edges'],
});

describe('a chain of fake segments', () => {
  const request = createRequest('Once upon a time', { maxTokens: 40, bias: NO_END });

  it.each([
    ['two', [0, 3, 6]],
    ['three', [0, 1, 4, 6]],
  ])('gives the bits of the whole model with %s segments, with guesses too', async (_name, edges) => {
    const whole = createFakeEngine({ ...MODEL, isLayered: true });
    const chained = openChain(edges, { drafts: 3 });
    const [expected, reply] = await Promise.all(
      [whole, chained].map((engine) => collectReply(engine.generate(request))),
    );
    expect(reply?.windows).toEqual(expected?.windows);
    expect(reply?.outputTokens).toEqual(expected?.outputTokens);
    const score = createScoreRequest(whole, request, reply as never);
    expect((await chained.score(score)).windows).toEqual(expected?.windows);
    expect((await whole.score(score)).windows).toEqual(expected?.windows);
  });

  it('gives other bits if one layer is missing or has other weights', async () => {
    const whole = createFakeEngine({ ...MODEL, isLayered: true });
    const { windows } = await collectReply(whole.generate(request));
    const segment = (from: number, to: number, weights = 1) =>
      createLayeredSegment({ ...MODEL, weights, from, to, contextSize: 256, sequences: 9, passRows: 64 });
    for (const first of [segment(0, 2), segment(0, 3, 2)]) {
      const chain = { before: createUpstreamRows([first]), last: segment(3, 6) };
      const wrong = await collectReply(createFakeEngine({ ...MODEL, chain }).generate(request));
      expect(wrong.windows).not.toEqual(windows);
    }
  });
});
