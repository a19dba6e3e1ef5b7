import type { Check } from '@ogong/protocol/base/checks';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from '../local-fixture.ts';
import { DOCUMENTED } from './documented-fields-fixture.ts';
import { EMBED_RULES } from './embed-rules.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [shelve('embedder'), shelve('fake')],
    open: (reference) => (reference.includes('embedder') ? createFakeEmbeddingEngine() : createFakeEngine()),
  });
});
afterAll(() => fixture.close());

const send = async (path: string, body: object) => {
  const response = await fixture.post(path, { model: 'embedder', ...body });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
};

describe('embedding', () => {
  it('gives one vector for each text, the same through all three endpoints', async () => {
    const { body } = await send('/api/embed', { input: ['one', 'two'], keep_alive: '1m', options: { seed: 1 } });
    const [one, two] = body.embeddings as number[][];
    expect(one).not.toEqual(two);
    expect(body).toMatchObject({ model: 'embedder', prompt_eval_count: expect.any(Number) });
    expect((await send('/api/embed', { input: 'one' })).body.embeddings).toEqual([one]);
    expect((await send('/api/embeddings', { prompt: 'one' })).body).toEqual({ embedding: one });
    const client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
    const listed = await client.embeddings.create({ model: 'embedder', input: ['one', 'two'] });
    expect(listed.data.map(({ embedding }) => embedding.map(Math.fround))).toEqual([one, two]);
  });

  describe('of more texts than one order has', () => {
    const texts = Array.from({ length: 257 }, (_, i) => `text ${i}`);
    const inline = { 'x-ogong-receipt': 'inline' };
    type Receipts = { readonly receipts: readonly { readonly url: string; readonly checks: readonly Check[] }[] };

    it('gives one vector for each of 257 texts, and a receipt for each order', async () => {
      const listed = await fixture.post('/v1/embeddings', { model: 'embedder', input: texts }, inline);
      const openai = (await listed.json()) as { data: { index: number; embedding: number[] }[]; ogong: Receipts };
      expect(openai.data.map(({ index }) => index)).toEqual(texts.map((_, i) => i));
      const asked = await fixture.post('/api/embed', { model: 'embedder', input: texts }, inline);
      const ollama = (await asked.json()) as { embeddings: number[][]; prompt_eval_count: number; ogong: Receipts };
      expect(ollama.embeddings).toEqual(openai.data.map(({ embedding }) => embedding));
      expect(openai).toMatchObject({ usage: { prompt_tokens: ollama.prompt_eval_count } });
      const { body } = await send('/api/embed', { input: texts.at(-1) as string });
      expect(openai.data[256]?.embedding).toEqual((body.embeddings as number[][])[0]);
      for (const { receipts } of [openai.ogong, ollama.ogong]) {
        expect(receipts).toHaveLength(2);
        expect(receipts.flatMap(({ checks }) => checks).filter(({ status }) => status === 'fail')).toEqual([]);
        expect(new Set(receipts.map(({ url }) => url)).size).toBe(2);
      }
      const path = listed.headers.get('x-ogong-receipt') as string;
      const last = (await (await fetch(`${fixture.base}${path}?choice=1`)).json()) as { request: string };
      expect(JSON.parse(Buffer.from(last.request, 'base64').toString())).toMatchObject({ input: ['text 256'] });
    });

    it.each([
      ['/v1/embeddings', { input: [...texts, ''] }, 'input[257]'],
      ['/v1/embeddings', { input: [...texts, [1 << 30]] }, 'input 257: '],
      ['/v1/embeddings', { input: [...texts, 'x'.repeat(5000)] }, 'input 257 has 5001 tokens'],
      ['/api/embed', { input: [...texts, 'x'.repeat(5000)], truncate: false }, 'input 257 has 5001 tokens'],
      ['/v1/embeddings', { input: Array(2_049).fill('a') }, '1 to 2048 strings'],
    ])('%s names what it refuses by its number in the call', async (path, body, words) => {
      const { status, body: refused } = await send(path, body);
      expect([status, JSON.stringify(refused)]).toEqual([400, expect.stringContaining(words)]);
    });
  });

  it('of nothing loads the model', async () => {
    expect((await send('/api/embed', {})).body.embeddings).toEqual([]);
    expect((await send('/api/embeddings', { prompt: '' })).body).toEqual({ embedding: [] });
  });

  it.each([
    ['/api/embed', { input: 'one', dimensions: 33 }, 'dimensions must be at most 32'],
    ['/api/embed', { input: 'one', dimensions: 0 }, 'dimensions must be an integer'],
    ['/api/embed', { input: 7 }, 'input must be'],
    ['/api/embed', { input: 'one', options: { num_ctx: 0 } }, 'options.num_ctx must be an integer'],
    ['/api/embed', { input: 'one', options: 7 }, 'options must be a JSON object'],
    ['/api/embed', { input: ['x', 'xxxx'], truncate: false, options: { num_ctx: 3 } }, 'at most 3 fit'],
    ['/v1/embeddings', { input: 'one', input_type: 'query' }, 'prefix'],
    ['/api/embed', { input: 'one', model: 'fake' }, 'does not support embeddings'],
    ['/api/embed', { input: ['x', 'x'.repeat(5000)], truncate: false }, 'input 1 has 5001 tokens'],
    ['/api/embed', { input: 'one', truncate: 1 }, 'truncate must be a boolean'],
    ['/api/embeddings', { input: 'one' }, '/api/embed reads input'],
  ])('%s refuses %j', async (path, body, words) => {
    const error = path.startsWith('/v1/')
      ? expect.objectContaining({ message: expect.stringContaining(words) })
      : expect.stringContaining(words);
    expect(await send(path, body)).toMatchObject({ status: 400, body: { error } });
  });

  it.each([
    ['/api/embed', { input: 'one', made_up: 1, options: { seed: 1, mirostat: 1, made_up: 2 } }],
    ['/api/embeddings', { prompt: 'one', made_up: 1, options: { seed: 1, mirostat: 1, made_up: 2 } }],
  ])('%s names the fields and options that it leaves out', async (path, asked) => {
    const { status, headers } = await send(path, asked);
    expect([status, headers.get('x-ogong-ignored')]).toEqual([
      200,
      'made_up, options.seed, options.mirostat, options.made_up',
    ]);
    expect(
      (await send(path, { ...asked, options: { num_ctx: 9 }, made_up: null })).headers.get('x-ogong-ignored'),
    ).toBe(null);
  });

  it('/v1/embeddings names the fields that it leaves out', async () => {
    const { status, headers } = await send('/v1/embeddings', { input: 'one', temperature: 1, user: 'x', priority: 2 });
    expect([status, headers.get('x-ogong-ignored')]).toEqual([200, 'temperature, priority']);
  });

  it('knows every field that Ollama documents', () => {
    for (const field of DOCUMENTED.EmbedRequest) expect(EMBED_RULES).toHaveProperty(field);
  });

  it('cuts a text that is too long, says so, and embeds an empty text of a batch', async () => {
    const { status, headers, body } = await send('/api/embed', { input: ['x'.repeat(5000), '', 'x'] });
    expect([status, headers.get('x-ogong-clamped'), body.prompt_eval_count]).toEqual([200, 'input=256', 256 + 1 + 2]);
    const narrow = await send('/api/embed', { input: 'x'.repeat(99), options: { num_ctx: 10 } });
    expect([narrow.headers.get('x-ogong-clamped'), narrow.body.prompt_eval_count]).toEqual(['input=10', 10]);
    const wide = await send('/api/embed', { input: 'x', options: { num_ctx: 9000 } });
    expect(wide.headers.get('x-ogong-clamped')).toBe('options.num_ctx=256');
    const fits = await send('/api/embed', { input: 'x'.repeat(255), truncate: true });
    expect(fits.headers.get('x-ogong-clamped')).toBeNull();
    expect((body.embeddings as number[][])[0]).toEqual((fits.body.embeddings as number[][])[0]);
    expect((await send('/api/embeddings', { prompt: 'x'.repeat(5000) })).body.embedding).toEqual(
      (body.embeddings as number[][])[0],
    );
  });

  it('shortens vectors to their first values, of length one, as OpenAI does', async () => {
    const [whole] = (await send('/api/embed', { input: 'one' })).body.embeddings as number[][];
    const [short] = (await send('/api/embed', { input: 'one', dimensions: 8 })).body.embeddings as number[][];
    const length = Math.hypot(...(whole?.slice(0, 8) ?? []));
    short?.forEach((value, i) => {
      expect(value).toBeCloseTo((whole?.[i] ?? 0) / length, 6);
    });
    const { data } = (await send('/v1/embeddings', { input: 'one', dimensions: 8 })).body as {
      data: { embedding: number[] }[];
    };
    expect(data[0]?.embedding).toEqual(short);
    const same = (await send('/api/embed', { input: 'one', dimensions: 32 })).body.embeddings;
    expect(same).toEqual([whole]);
  });

  it('takes ids of tokens, as one input or several', async () => {
    const text = await send('/v1/embeddings', { input: 'ab' });
    // The fake's vocabulary: a beginning, then the bytes.
    const ids = [1, 97 + 3, 98 + 3];
    const vectorsOf = ({ body }: Awaited<ReturnType<typeof send>>) =>
      (body.data as { embedding: number[] }[]).map(({ embedding }) => embedding);
    expect(vectorsOf(await send('/v1/embeddings', { input: ids }))).toEqual(vectorsOf(text));
    expect(vectorsOf(await send('/v1/embeddings', { input: [ids, [8, 9]] }))).toHaveLength(2);
    const outside = await send('/v1/embeddings', { input: [[5], [6, 259]] });
    expect(outside).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('input 1: token id 259 is outside') } },
    });
    expect(await send('/v1/embeddings', { input: ['a', ''] })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('input[1]') } },
    });
  });
});

describe('embedding by a chat model', () => {
  let chat: LocalFixture;
  beforeAll(async () => {
    chat = await createLocalFixture({
      models: [shelve('chat'), shelve('elsewhere', { upstream: 'http://127.0.0.1:1' })],
      open: (reference) => (reference.startsWith('mean:') ? createFakeEmbeddingEngine() : createFakeEngine()),
    });
  });
  afterAll(() => chat.close());
  const post = async (path: string, body: object) =>
    (await (await chat.post(path, { model: 'chat', stream: false, ...body })).json()) as {
      readonly embeddings: readonly number[][];
      readonly data: readonly { readonly embedding: readonly number[] }[];
      readonly error: string;
    };
  const listLoaded = () => chat.loaded.list().map(({ reference }) => reference);

  it('takes an engine of its own, beside that of its texts', async () => {
    const { embeddings } = await post('/api/embed', { input: 'one' });
    const { data } = await post('/v1/embeddings', { input: 'one' });
    expect(data[0]?.embedding.map(Math.fround)).toEqual(embeddings[0]);
    expect(listLoaded()).toEqual(['mean:file:/chat']);
    expect(await post('/api/generate', { prompt: 'a', options: { num_predict: 2 } })).toMatchObject({ done: true });
    expect(listLoaded()).toEqual(['mean:file:/chat', 'file:/chat']);
    const { models } = (await (await fetch(`${chat.base}/api/ps`)).json()) as { models: { name: string }[] };
    expect(models.map(({ name }) => name.replace(/:latest$/, ''))).toEqual(['chat', 'chat']);
  });

  it('ends with the engine of its texts', async () => {
    await post('/api/embed', { input: 'one' });
    await post('/api/generate', { keep_alive: 0 });
    expect(listLoaded()).toEqual([]);
  });

  it('is refused for a model of another server', async () => {
    const { error } = await post('/api/embed', { model: 'elsewhere', input: 'one' });
    expect(error).toContain('does not support embeddings');
  });
});
