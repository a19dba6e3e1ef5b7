import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import type { ChatMessage, ContentPart } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { collectReply, createRequest, createScoreRequest, hexOf, NO_END } from './compliance-requests.ts';

const ROWS = 20;

/** A picture of rows with small values, which depend on the seed. */
function drawRows(embeddingSize: number, seed: number): EncodedPicture {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return { pieces: [ROWS], rows: Float32Array.from({ length: ROWS * embeddingSize }, next) };
}

const question = (text: string): ChatMessage => {
  const parts: ContentPart[] = [{ picture: 'ogong:media/1' }, { text }];
  return { role: 'user', content: text, parts };
};

/** Tests of pictures in prompts: an engine that reads none refuses them. */
export function describePictures(
  engineOf: () => TextEngine,
  { readsPictures, grid }: { readonly readsPictures: boolean; readonly grid?: readonly [number, number] | undefined },
): void {
  const draw = (seed: number): EncodedPicture => ({
    ...drawRows(engineOf().info().embeddingSize, seed),
    ...(grid && { grids: [grid] }),
  });
  const open = (seeds: readonly number[], messages: readonly ChatMessage[], overrides = {}): TextGenerationRequest =>
    createRequest('', {
      prompt: {
        kind: 'chat',
        messages,
        pictures: seeds.map((seed) => draw(seed)),
      },
      maxTokens: 12,
      bias: NO_END,
      ...overrides,
    });
  const generate = (request: TextGenerationRequest) => collectReply(engineOf().generate(request));

  if (!readsPictures) {
    it('reads no pictures', async () => {
      expect(engineOf().info().pictureToken).toBeUndefined();
      await expect(generate(open([1], [question('What is shown?')]))).rejects.toMatchObject({
        code: 'invalid-request',
      });
    });
    return;
  }

  it('scores a reply about a picture to the same windows, and to others with the rows of another picture', async () => {
    const request = open([1], [question('What is shown?')]);
    const reply = await generate(request);
    const marks = reply.promptTokens.filter((token) => token === engineOf().info().pictureToken);
    expect(marks).toHaveLength(ROWS);
    expect(await engineOf().tokenizePrompt(request.prompt)).toEqual(reply.promptTokens);
    const score = createScoreRequest(engineOf(), request, reply);
    const rowsOf = (seed: number) => [draw(seed)];
    const { windows } = await engineOf().score({ ...score, pictures: rowsOf(1) });
    expect(hexOf(windows)).toEqual(hexOf(reply.windows));
    const other = await engineOf().score({ ...score, pictures: rowsOf(2) });
    expect(hexOf(other.windows)).not.toEqual(hexOf(reply.windows));
    const trace = (seed: number) => engineOf().trace({ ...score, pictures: rowsOf(seed), position: 3 });
    expect((await trace(1)).stages).toEqual((await trace(1)).stages);
    expect((await trace(2)).stages).not.toEqual((await trace(1)).stages);
  });

  it('continues the rows of a picture in the next turn, and never those of another picture', async () => {
    const first = question('What is shown?');
    const cacheScope = 'pictures';
    await generate(open([1], [first], { cacheScope }));
    const next: readonly ChatMessage[] = [
      first,
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'Which colour?' },
    ];
    const end = async (request: TextGenerationRequest) => {
      const { events, windows } = await generate(request);
      const last = events.at(-1);
      return { cached: last?.kind === 'end' ? last.cachedTokens : -1, windows: hexOf(windows) };
    };
    const [same, other] = [await end(open([1], next, { cacheScope })), await end(open([2], next, { cacheScope }))];
    expect(same.cached).toBeGreaterThan(ROWS);
    expect(other.cached).toBeLessThan(ROWS);
    expect(same.windows).toEqual((await end(open([1], next))).windows);
    expect(other.windows).toEqual((await end(open([2], next))).windows);
    expect(other.windows).not.toEqual(same.windows);
  });

  it('reads several pictures in the order of the messages', async () => {
    const two = [question('What is shown?'), { role: 'assistant', content: 'a' }, question('And here?')];
    const [forward, backward] = [await generate(open([1, 2], two)), await generate(open([2, 1], two))];
    expect(forward.promptTokens).toEqual(backward.promptTokens);
    expect(hexOf(forward.windows)).not.toEqual(hexOf(backward.windows));
  });

  it('refuses pictures that do not fit the prompt', async () => {
    const request = open([1], [question('What is shown?')]);
    const reply = await generate(request);
    const score = createScoreRequest(engineOf(), request, reply);
    const { embeddingSize } = engineOf().info();
    const { rows } = draw(1);
    for (const wrong of [[], [rows, rows], [rows.subarray(embeddingSize)], [rows.subarray(1)]]) {
      const pictures = wrong.map((each) => ({ rows: each }));
      await expect(engineOf().score({ ...score, pictures })).rejects.toMatchObject({ code: 'invalid-request' });
    }
    await expect(generate(open([], [question('What is shown?')]))).rejects.toMatchObject({ code: 'invalid-request' });
  });
}
