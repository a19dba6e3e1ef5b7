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

  it('of nothing loads the model', async () => {
    expect((await send('/api/embed', {})).body.embeddings).toEqual([]);
    expect((await send('/api/embeddings', { prompt: '' })).body).toEqual({ embedding: [] });
  });

  it.each([
    ['/api/embed', { input: 'one', dimensions: 8 }, 'the size that the model gives them'],
    ['/api/embed', { input: 7 }, 'input must be'],
    ['/api/embed', { input: 'one', options: { mirostat: 1 } }, 'options.mirostat'],
    ['/api/embed', { input: 'one', model: 'fake' }, 'does not support embeddings'],
    ['/api/embed', { input: 'x'.repeat(5000) }, 'exceeds the context length'],
    ['/api/embeddings', { input: 'one' }, '/api/embed reads input'],
  ])('%s refuses %j', async (path, body, words) => {
    expect(await send(path, body)).toMatchObject({ status: 400, body: { error: expect.stringContaining(words) } });
  });

  it('knows every field that Ollama documents, and says that it never cuts', async () => {
    for (const field of DOCUMENTED.EmbedRequest) expect(EMBED_RULES).toHaveProperty(field);
    const { headers } = await send('/api/embed', { input: 'one', truncate: true });
    expect(headers.get('x-ogong-ignored')).toBe('truncate');
  });
});
