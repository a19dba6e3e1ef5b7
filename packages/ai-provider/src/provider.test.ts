import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { APICallError, embedMany, generateImage, generateText, rerank, streamText } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOgong } from './index.ts';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture.close());

/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

/** @param change edit of an answer by a gateway in the middle. `asked`: the bodies that went out. */
function open(change?: (text: string) => string) {
  const asked: Record<string, unknown>[] = [];
  const ogong = createOgong({
    baseUrl: `${fixture.url}/v1`,
    allow: ANCHORS,
    async fetch(input, init) {
      if (init?.method === 'POST') asked.push(JSON.parse(new TextDecoder().decode(init.body as Uint8Array)));
      const response = await fetch(input, init);
      const isText = /json|event-stream/.test(response.headers.get('content-type') ?? '');
      return change && isText ? new Response(change(await response.text()), response) : response;
    },
  });
  return { ogong, asked };
}

const ask = { prompt: 'Say something.', maxOutputTokens: 12, temperature: 0 };
const DOCUMENTS = ['hi', 'it is a bear', 'a panda is a bear of China'];

interface Checked {
  readonly choice: number;
  readonly reply_id: string;
  readonly checks: readonly { readonly id: string; readonly status: string }[];
  readonly allowed: readonly string[];
}

/** That one reply was checked, which the gateway served, and nothing of it failed. */
function expectChecked(metadata: unknown, checks: readonly string[]): Checked {
  const [reply, ...others] = (metadata as { ogong: { checked: Checked[] } }).ogong.checked as [Checked, ...Checked[]];
  expect(others).toEqual([]);
  expect(reply).toMatchObject({ choice: 0, reply_id: expect.stringMatching(/^[0-9a-f]{32}$/), tier: 'verified' });
  expect(reply.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  const passed = reply.checks.filter(({ status }) => status === 'pass').map(({ id }) => id);
  expect(passed).toEqual(expect.arrayContaining(['response-hash', 'record-signature', ...checks]));
  return reply;
}

describe('a model of the AI SDK', () => {
  it('answers with its checks in the metadata', async () => {
    const { ogong } = open();
    const { text, providerMetadata, usage } = await generateText({ model: ogong(FAKE_MODEL), ...ask });
    expect(text).not.toBe('');
    expect(usage.outputTokens).toBeGreaterThan(0);
    const { reply_id: id, allowed } = expectChecked(providerMetadata, ['draw-replay', 'request-hash']);
    expect(allowed).toContain('router');
    const kept = await fetch(`${fixture.url}/v1/receipts/${id}`);
    expect(kept.status).toBe(200);
  });

  it('streams, with the checks at the end', async () => {
    const { ogong } = open();
    const whole = await generateText({ model: ogong(FAKE_MODEL), ...ask });
    const stream = streamText({ model: ogong(FAKE_MODEL), ...ask });
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(whole.text);
    expectChecked(await stream.providerMetadata, ['draw-replay']);
  });

  it('embeds and reranks, with the checks in the metadata', async () => {
    const { ogong } = open();
    const embedded = await embedMany({ model: ogong.embeddingModel(FAKE_MODEL), values: ['a dog', 'a cat'] });
    expect(embedded.embeddings).toHaveLength(2);
    expectChecked(embedded.providerMetadata, ['commitment-root']);

    const model = ogong.rerankingModel(FAKE_MODEL);
    const ranked = await rerank({ model, query: 'what is a panda?', documents: DOCUMENTS, topN: 2 });
    expect(ranked.ranking).toHaveLength(2);
    const scores = ranked.ranking.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expectChecked(ranked.providerMetadata, ['commitment-root']);
  });

  it('makes pictures, with the checks in the metadata', async () => {
    const { ogong, asked } = open();
    const model = ogong.imageModel(FAKE_MODEL);
    const providerOptions = { ogong: { settle: 'accepted', steps: 4 } };
    const { images, providerMetadata, warnings, usage } = await generateImage({
      ...{ model, prompt: 'a small fox', size: '40x24', seed: 5, aspectRatio: '1:1', providerOptions },
    });
    expect(images.map(({ mediaType }) => mediaType)).toEqual(['image/png']);
    expect(Buffer.from(images[0]?.uint8Array ?? []).readUInt32BE(16)).toBe(40);
    expectChecked({ ogong: { checked: providerMetadata.ogong?.images } }, ['pixels', 'commitment-root']);
    expect(warnings.map((warning) => 'feature' in warning && warning.feature)).toEqual(['aspectRatio']);
    expect(usage.outputTokens).toBe(4);
    expect(asked[0]).toMatchObject({ seed: 5, steps: 4, ogong: { settle: 'accepted' } });
  });

  it('changes a picture', async () => {
    const { ogong, asked } = open();
    const { images } = await generateImage({ model: ogong.imageModel(FAKE_MODEL), prompt: 'a small fox' });
    const image = images[0]?.uint8Array as Uint8Array;
    const { images: changed, providerMetadata } = await generateImage({
      model: ogong.imageModel(FAKE_MODEL),
      prompt: { text: 'a large fox', images: [image], mask: image },
    });
    expect(changed).toHaveLength(1);
    expectChecked({ ogong: { checked: providerMetadata.ogong?.images } }, ['pixels', 'commitment-root']);
    expect(asked.at(-1)).toMatchObject({ prompt: 'a large fox', mask: expect.stringMatching(/^data:image/) });
  });

  it('embeds more than one request may have', async () => {
    const { ogong, asked } = open();
    const values = Array.from({ length: 257 }, (_, index) => `text ${index}`);
    const { embeddings } = await embedMany({ model: ogong.embeddingModel(FAKE_MODEL), values });
    expect(embeddings).toHaveLength(257);
    expect(asked.map(({ input }) => (input as string[]).length)).toEqual([256, 1]);
  });

  it("passes the network's fields on, beside OpenAI’s", async () => {
    const { ogong, asked } = open();
    const providerOptions = { ogong: { settle: 'accepted', top_k: 3 } };
    await generateText({ model: ogong(FAKE_MODEL), ...ask, providerOptions });
    await embedMany({ model: ogong.embeddingModel(FAKE_MODEL), values: ['a'], providerOptions });
    expect(asked[0]).toMatchObject({ ogong: { settle: 'accepted' }, top_k: 3 });
    expect(asked[0]).not.toHaveProperty('settle');
    expect(asked[1]).toMatchObject({ ogong: { settle: 'accepted' } });
  });
});

describe('an answer that was changed on its way', () => {
  const wrong = (text: string): string =>
    text
      .replaceAll('"content":"', '"content":"not what the model said ')
      .replaceAll(/"relevance_score":[^,}]+/g, '"relevance_score":0.5');

  it('is an error that is not tried again', async () => {
    const { ogong, asked } = open(wrong);
    const error = await generateText({ model: ogong(FAKE_MODEL), ...ask }).catch((reason: unknown) => reason);
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      statusCode: 422,
      isRetryable: false,
      data: { error: { code: 'ogong_check_failed' } },
    });
    expect(asked).toHaveLength(1);
    const model = ogong.rerankingModel(FAKE_MODEL);
    const ranked = await rerank({ model, query: 'a panda?', documents: DOCUMENTS }).catch((reason: unknown) => reason);
    expect(ranked).toMatchObject({ statusCode: 422, isRetryable: false });
  });

  it('ends its stream with an error, and without checks', async () => {
    const { ogong } = open(wrong);
    const errors: unknown[] = [];
    const stream = streamText({ model: ogong(FAKE_MODEL), ...ask, onError: ({ error }) => void errors.push(error) });
    await stream.consumeStream();
    expect(JSON.stringify(errors)).toContain('response-hash');
    expect(await stream.finishReason).toBe('error');
    expect((await stream.providerMetadata)?.ogong).not.toHaveProperty('checked');
  });

  it('cannot vouch for its own checks', async () => {
    const forged = (text: string) => text.replace('"ogong":{', '"ogong":{"checked":[{"choice":7}],');
    const { ogong } = open(forged);
    const { providerMetadata } = await generateText({ model: ogong(FAKE_MODEL), ...ask });
    expectChecked(providerMetadata, ['draw-replay']);
    // A stream that fails ends behind chunks that may claim anything.
    const both = open((text) => wrong(text.replaceAll('"choices":', '"ogong":{"checked":[{"choice":7}]},"choices":')));
    const stream = streamText({ model: both.ogong(FAKE_MODEL), ...ask, onError: () => undefined });
    await stream.consumeStream();
    expect((await stream.providerMetadata)?.ogong).not.toHaveProperty('checked');
  });
});
