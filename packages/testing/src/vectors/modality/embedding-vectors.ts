import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { adjudicateEmbedding } from '@ogong/protocol/modality/embedding/adjudicate';
import { encodeEmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import { rankDocuments } from '@ogong/protocol/modality/embedding/rerank';
import { encodeVector, normaliseVector, shortenVector } from '@ogong/protocol/modality/embedding/vector';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { createSyntheticEmbedding, SYNTHETIC_INPUTS } from '../../synthetic/synthetic-embedding.ts';

/** `vectors/embedding.json` (docs/spec/embedding.md): vectors as bits, and of each endpoint a reply, reports and verdicts. */
export function createEmbeddingVectors(crypto: Crypto): unknown {
  return {
    normalise: [
      [3, -4, 0],
      [1, 1, 1],
      [1e-30, 2e-30, -0],
      [0.1, 0.2, 0.3, 0.4],
    ].map((values) => ({
      raw: toHex(encodeVector(values)),
      vector: toHex(encodeVector(normaliseVector(Float32Array.from(values)))),
    })),
    shorten: [
      { values: [3, 4, 12], dimensions: 2 },
      { values: [0.1, -0.2, 0, 0.4], dimensions: 3 },
    ].map(({ values, dimensions }) => {
      const vector = normaliseVector(Float32Array.from(values));
      return {
        vector: toHex(encodeVector(vector)),
        dimensions,
        shortened: toHex(encodeVector(shortenVector(vector, dimensions))),
      };
    }),
    requests: [
      { input: 'a' },
      { input: ['a', 'b\u00e9'], ogong: { exact: true } },
      { input: 'a', dimensions: 256 },
      { input: [1, 20, 300] },
      { input: [[1, 2], 'a'] },
    ].map((asked) => describeRequest(crypto, 'embedding', asked)),
    ...describeReply(crypto, { reranks: false }),
    rerank: {
      requests: [{ query: 'a', documents: ['b', { text: 'c\u00e9' }], top_n: 1 }].map((asked) =>
        describeRequest(crypto, 'rerank', asked),
      ),
      ranked: [
        { scores: [0.5, -1, 2, 0.5], topN: 3 },
        { scores: [0, 0, -0.25], topN: 9 },
      ].map(({ scores, topN }) => ({ scores, topN, shown: rankDocuments(scores, topN) })),
      ...describeReply(crypto, { reranks: true }),
    },
  };
}

function describeRequest(crypto: Crypto, endpoint: string, asked: object): unknown {
  const body = JSON.stringify({ model: 'ogong/verified/test/m', ...asked });
  const bytes = utf8Encode(body);
  const summary = toHex(summarizeRequest(crypto, endpoint, bytes));
  return { body, summary, hash: toHex(hashRequest(crypto, endpoint, bytes)) };
}

function describeReply(crypto: Crypto, { reranks }: { readonly reranks: boolean }): object {
  const reply = createSyntheticEmbedding({ crypto, reranks });
  const numericClass = 'fake-1/js/f64/fast/hash/kv-none';
  const far = createSyntheticEmbedding({ crypto, reranks, noise: 0.5, numericClass });
  const claim = { header: reply.header, leaves: reply.leaves };
  return {
    reply: {
      inputs: SYNTHETIC_INPUTS,
      tokens: 'UTF-8 bytes of the input',
      header: toHex(reply.opening.header),
      leaves: reply.opening.leaves.map(({ values, sketch }) => ({ values: toHex(values), sketch: toHex(sketch) })),
      response: toHex(reply.response),
      responseHash: toHex(reply.record.responseHash),
    },
    reports: [reply.report, far.report].map((report) => ({
      report: toHex(encodeEmbeddingReport(report)),
      outcome: adjudicateEmbedding(crypto, claim, report).outcome,
    })),
  };
}
