import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { adjudicateEmbedding } from '@ogong/protocol/modality/embedding/adjudicate';
import { encodeEmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import { encodeVector, normaliseVector } from '@ogong/protocol/modality/embedding/vector';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { createSyntheticEmbedding, SYNTHETIC_INPUTS } from '../synthetic/synthetic-embedding.ts';

/** `vectors/embedding.json` (docs/spec/embedding.md): vectors as bits, one reply, one report and its verdict. */
export function createEmbeddingVectors(crypto: Crypto): unknown {
  const reply = createSyntheticEmbedding({ crypto });
  const far = createSyntheticEmbedding({ crypto, noise: 0.5, numericClass: 'fake-1/js/f64/fast/hash/kv-none' });
  const claim = { header: reply.header, leaves: reply.leaves };
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
    requests: [{ input: 'a' }, { input: ['a', 'b\u00e9'], ogong: { exact: true } }].map((asked) => {
      const body = JSON.stringify({ model: 'ogong/verified/test/m', ...asked });
      const bytes = utf8Encode(body);
      const summary = toHex(summarizeRequest(crypto, 'embedding', bytes));
      return { body, summary, hash: toHex(hashRequest(crypto, 'embedding', bytes)) };
    }),
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
