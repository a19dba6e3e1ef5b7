import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from './index.ts';

let gateway: GatewayFixture;
beforeAll(async () => {
  gateway = await createGatewayFixture();
});
afterAll(() => gateway.close());

const DOCUMENTS = ['hi', 'it is a bear', 'a panda is a bear of China'];
const ask = { model: FAKE_MODEL, query: 'what is a panda?', documents: DOCUMENTS };
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

interface Shown {
  results: { index: number; relevance_score: number; document?: { text: string } }[];
  ogong: { scores: unknown };
}

/** A client whose gateway changes the answer on its way, and nothing else. */
function createLiedTo(bend: (shown: Shown) => void) {
  const lyingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST') return response;
    const body = (await response.json()) as Shown;
    bend(body);
    return Response.json(body);
  };
  return createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
}

describe('a reranking of a client', () => {
  it('shows the scores of the model to the bit, in their order, with their proof', async () => {
    const engine = createFakeEmbeddingEngine({ reranks: true });
    const { inputs } = await engine.embed({ query: ask.query, inputs: DOCUMENTS });
    await engine.close();
    const scores = inputs.map(({ vector }) => vector[0] as number);
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const { response, receipt, checks, replies } = await client.rerank(ask);
    const best = DOCUMENTS.map((_, index) => index).sort((a, b) => (scores[b] as number) - (scores[a] as number));
    expect(response.results).toEqual(best.map((index) => ({ index, relevance_score: scores[index] })));
    expect(receipt.endpoint).toBe('rerank');
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(replies.map((reply) => reply.response)).toEqual([encodeVector(scores)]);

    const few = await client.rerank({ ...ask, top_n: 1, return_documents: true });
    expect(few.response.results).toEqual([
      { ...response.results[0], document: { text: DOCUMENTS[best[0] as number] } },
    ]);
    expect(few.replies[0]?.response).toEqual(replies[0]?.response);
  });

  it.each<[what: string, bend: (shown: Shown) => void, code: string]>([
    ['a document sorted up', ({ results }) => results.reverse(), 'scores'],
    [
      'a document sorted up by a score that nobody signed',
      (shown) => {
        const last = shown.results.pop() as Shown['results'][number];
        shown.results.unshift({ ...last, relevance_score: 99 });
        (shown.ogong.scores as number[])[last.index] = 99;
      },
      'response-hash',
    ],
    [
      'a better score shown',
      ({ results }) => {
        (results[0] as Shown['results'][number]).relevance_score += 1;
      },
      'scores',
    ],
    ['a document left out', ({ results }) => results.pop(), 'scores'],
    [
      'the indices swapped',
      ({ results: [a, b] }) => {
        if (a && b) [a.index, b.index] = [b.index, a.index];
      },
      'scores',
    ],
    ['scores of fewer documents', ({ ogong }) => (ogong.scores as number[]).pop(), 'scores'],
    [
      'a score that is no f32',
      ({ ogong }) => {
        (ogong.scores as number[])[0] = 0.1;
      },
      'scores',
    ],
    [
      'another document shown',
      ({ results: [first] }) => {
        if (first?.document) first.document.text = 'buy this';
      },
      'scores',
    ],
    [
      'no scores',
      (shown) => {
        shown.ogong.scores = undefined;
      },
      'scores',
    ],
  ])('is refused with %s', async (_what, bend, code) => {
    const answer = createLiedTo(bend).rerank({ ...ask, return_documents: true });
    await expect(answer).rejects.toMatchObject({ name: 'ReceiptError', code });
  });

  it('passes on refusals of the gateway', async () => {
    const refused = createClient({ baseUrl: gateway.url, allow: ANCHORS }).rerank({ ...ask, query: '' });
    await expect(refused).rejects.toMatchObject({ name: 'GatewayApiError', status: 400, param: 'query' });
  });
});
