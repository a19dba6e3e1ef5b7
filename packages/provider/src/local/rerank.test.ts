import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { writeRandomBert } from '@ogong/testing/models/random-bert';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-local-rerank-'));
const path = join(folder, 'reranker.gguf');
const SHAPE = { embedding: 32, layers: 1, heads: 2, feedForward: 32, context: 32, poolingCode: 4, scores: 1 };
writeRandomBert(path, SHAPE);
const modelRoot = '08'.repeat(32);

const QUERY = 'what is a panda?';
const DOCUMENTS = ['hi', 'it is a bear', 'a panda is a bear of China', 'hi'];

let fixture: LocalFixture;
beforeAll(async () => {
  const open = (reference: string) => {
    if (reference.includes('fake')) return createFakeEngine();
    return createFakeEmbeddingEngine({ reranks: reference.includes('reranker') });
  };
  fixture = await createLocalFixture({
    models: [shelve('reranker', { path, modelRoot }), shelve('embedder'), shelve('fake')],
    open,
  });
});
afterAll(async () => {
  await fixture.close();
  rmSync(folder, { recursive: true });
});

const send = async (path: string, fields: object) => {
  const response = await fixture.post(path, { model: 'reranker', ...fields });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

interface Shown {
  readonly index: number;
  readonly relevance_score: number;
}

/** The scores of the same model, by document. */
async function scoreHere(): Promise<number[]> {
  const engine = createFakeEmbeddingEngine({ reranks: true });
  const { inputs } = await engine.embed({ query: QUERY, inputs: DOCUMENTS });
  await engine.close();
  return inputs.map(({ vector }) => vector[0] as number);
}

describe('POST /v1/rerank of local mode', () => {
  it('shows the scores of the model as they are, the best first, and equal ones in their order', async () => {
    const scores = await scoreHere();
    const { status, body } = await send('/v1/rerank', { query: QUERY, documents: DOCUMENTS });
    expect(status).toBe(200);
    const results = body.results as Shown[];
    expect(results.map(({ relevance_score: score }) => score)).toEqual([...scores].sort((a, b) => b - a));
    for (const { index, relevance_score: score } of results) expect(score).toBe(scores[index]);
    const places = results.map(({ index }) => index);
    expect(places.indexOf(3)).toBe(places.indexOf(0) + 1);
    // A token a byte, one at the beginning and one between query and document.
    const tokens = DOCUMENTS.reduce((sum, text) => sum + text.length + QUERY.length + 2, 0);
    expect(body).toMatchObject({ model: 'reranker', usage: { prompt_tokens: tokens, total_tokens: tokens } });
  });

  it('shows as many as were asked for, with their texts where they were asked for', async () => {
    const documents = DOCUMENTS.map((text) => ({ text }));
    const asked = { query: QUERY, documents, top_n: 2, return_documents: true };
    const results = (await send('/v1/rerank', asked)).body.results as (Shown & { document: object })[];
    expect(results).toHaveLength(2);
    for (const { index, document } of results) expect(document).toEqual(documents[index]);
    const whole = (await send('/v1/rerank', { query: QUERY, documents })).body.results as Shown[];
    expect(results.map(({ index }) => index)).toEqual(whole.slice(0, 2).map(({ index }) => index));
    expect(whole[0]).not.toHaveProperty('document');
  });

  it('names the fields that it leaves out, and refuses those that would change a score', async () => {
    const asked = { query: QUERY, documents: [{ text: 'hi', title: 'x' }, 'ho'], made_up: 1 };
    const response = await fixture.post('/v1/rerank', { model: 'reranker', ...asked });
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([200, 'made_up, documents[0].title']);
    const answer = { error: { message: expect.stringContaining('instruction: '), param: 'instruction' } };
    expect(await send('/v1/rerank', { ...asked, instruction: 'x' })).toMatchObject({ status: 400, body: answer });
  });

  it('is no embedding in the words of Ollama', async () => {
    expect((await send('/api/show', {})).body).toMatchObject({ capabilities: [] });
  });

  it('leaves a receipt of the scores, whose checks hold', async () => {
    const asked = { model: 'reranker', query: QUERY, documents: DOCUMENTS, top_n: 1 };
    const response = await fixture.post('/v1/rerank', asked, { 'x-ogong-receipt': 'inline' });
    const { ogong } = (await response.json()) as {
      ogong: { receipts: [{ receipt: object; checks: { id: string; status: string }[] }] };
    };
    const [{ receipt, checks }] = ogong.receipts;
    expect(receipt).toMatchObject({ endpoint: 'rerank' });
    expect(checks).toContainEqual(expect.objectContaining({ id: 'inputs', status: 'pass' }));
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(response.headers.get('x-ogong-receipt')).toMatch(/rank-/);
  });

  it.each([
    ['/v1/rerank', { query: 'a' }, 'documents'],
    ['/v1/rerank', { documents: ['a'] }, 'query'],
    [
      '/v1/rerank',
      { query: 'a', documents: ['b'], model: 'embedder' },
      'does not support reranking: it makes vectors; a reranker has a classifier',
    ],
    [
      '/v1/rerank',
      { query: 'a', documents: ['b'], model: 'fake' },
      'does not support reranking: it writes, and is not asked for yes or no',
    ],
    ['/v1/rerank', { query: 'a', documents: ['x'.repeat(5000)] }, 'tokens'],
    ['/v1/embeddings', { input: 'a' }, 'does not support embeddings'],
  ])('%s refuses %j', async (path, fields, words) => {
    const answer = { error: { message: expect.stringContaining(words) } };
    expect(await send(path, fields)).toMatchObject({ status: 400, body: answer });
  });
});
