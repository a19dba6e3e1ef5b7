import { createSyntheticEmbedding } from '@ogong/testing/synthetic/synthetic-embedding';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError, utf8Encode } from '../../base/bytes.ts';
import type { Check } from '../../base/checks.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { findModality } from '../registry.ts';
import { hashRequest } from '../request-hash.ts';
import { adjudicateEmbedding } from './adjudicate.ts';
import { encodeEmbeddingHeader, parseEmbeddingHeader } from './header.ts';
import { checkEmbeddingHeader } from './header-checks.ts';
import { type EmbeddingLeaf, encodeEmbeddingLeaf } from './leaf.ts';
import { replayEmbedding } from './replay.ts';
import { computeContextOfInputs } from './request.ts';
import { parseRerankRequest, rankDocuments } from './rerank.ts';
import { toScoreVector } from './vector.ts';

const model = 'ogong/verified/a/b';
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify(fields));
const honest = createSyntheticEmbedding({ crypto, reranks: true });
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('parseRerankRequest', () => {
  it('parses documents as strings or objects, and counts the query once for each in the token bound', () => {
    const asked = { model, query: 'qq', documents: ['a', { text: 'bé' }], top_n: 1, return_documents: true };
    const request = parseRerankRequest(body({ ...asked, user: 'x' }));
    expect(request).toMatchObject({
      ...{ endpoint: 'rerank', model, query: 'qq', inputs: ['a', 'bé'], inputCount: 2 },
      ...{ topN: 1, returnsDocuments: true, promptTokenBound: 2 + 1 + 128 + 2 + 3 + 128 },
    });
    expect(computeContextOfInputs(request)).toBe(2 + 3 + 128);
    const plain = parseRerankRequest(body({ model, query: 'q', documents: ['a', 'b'], top_n: 9 }));
    expect([plain.topN, plain.returnsDocuments]).toEqual([2, false]);
  });

  const asked = { model, query: 'q', documents: ['a'] };
  const half = 'a'.repeat(128 * 1024);
  it.each([
    ['no model', { query: 'q', documents: ['a'] }, 'model'],
    ['no query', { model, documents: ['a'] }, 'query'],
    ['an empty query', { ...asked, query: '' }, 'query'],
    ['a lone surrogate', { ...asked, query: '\ud800' }, 'query'],
    ['no documents', { model, query: 'q' }, 'documents'],
    ['an empty list', { ...asked, documents: [] }, 'documents'],
    ['too many documents', { ...asked, documents: Array(257).fill('a') }, 'documents'],
    ['an empty document', { ...asked, documents: ['a', ''] }, 'documents[1]'],
    ['a document without text', { ...asked, documents: [{}] }, 'documents[0].text'],
    ['a document with an image', { ...asked, documents: [{ text: 'a', image: 'b' }] }, 'documents[0].image'],
    ['a document of numbers', { ...asked, documents: [[1]] }, 'documents[0]'],
    ['more reading than a pass of all', { ...asked, query: half, documents: Array(128).fill('a') }, 'documents'],
    ['none of the best', { ...asked, top_n: 0 }, 'top_n'],
    ['half a document', { ...asked, top_n: 1.5 }, 'top_n'],
    ['a word for a flag', { ...asked, return_documents: 'yes' }, 'return_documents'],
    ['documents to be cut', { ...asked, max_tokens_per_doc: 512 }, 'max_tokens_per_doc'],
  ])('refuses %s', (_what, fields, param) => {
    expect(() => parseRerankRequest(body(fields))).toThrow(expect.objectContaining({ name: 'RequestError', param }));
  });

  it('has its own hash, and a summary that shows it', () => {
    const modality = findModality('rerank');
    const bytes = body({ ...asked, input: 'a' });
    expect(() => hashRequest(crypto, 'rerank', bytes)).toThrow(/input/);
    const request = modality.parseRequest(body(asked), 'rerank');
    const summary = modality.encodeSummary(crypto, request, crypto.sha256(body(asked)));
    expect(modality.parseSummary(summary)).toMatchObject({ endpoint: 'rerank', inputCount: 1 });
    expect(new TextDecoder().decode(summary)).not.toContain('"q"');
  });
});

describe('rankDocuments', () => {
  it('shows the best first, equal ones in request order, and no more than requested', () => {
    expect(rankDocuments([0.5, -1, 2, 0.5], 3).map(({ index }) => index)).toEqual([2, 0, 3]);
    expect(rankDocuments([0, 0], 9)).toEqual([
      { index: 0, score: 0 },
      { index: 1, score: 0 },
    ]);
  });

  it('is determined by the scores', () => {
    const scores = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(scores, (given) => {
        const ranked = rankDocuments(given, given.length);
        expect(ranked.map(({ index }) => index).sort((a, b) => a - b)).toEqual(given.map((_, i) => i));
        for (const [i, { index, score }] of ranked.entries()) {
          expect(score).toBe(given[index]);
          const next = ranked[i + 1];
          if (next) expect(score > next.score || (score === next.score && index < next.index)).toBe(true);
        }
      }),
    );
  });
});

describe('a score', () => {
  it('is committed unchanged, with one spelling of zero', () => {
    expect([...toScoreVector(Float32Array.of(-7.25))]).toEqual([-7.25]);
    expect(Object.is(toScoreVector(Float32Array.of(-0))[0], 0)).toBe(true);
  });

  it.each([
    ['not a number', [Number.NaN]],
    ['an infinity', [Number.NEGATIVE_INFINITY]],
    ['two values', [1, 2]],
    ['no value', []],
  ])('is never %s', (_what, values) => {
    expect(() => toScoreVector(Float32Array.from(values))).toThrow(ProtocolError);
  });
});

describe('a reranking in stage 1', () => {
  const replay = (opening = honest.opening, record = honest.record) =>
    failures(replayEmbedding(crypto, record, opening).checks);
  const bend = (change: (leaf: EmbeddingLeaf) => EmbeddingLeaf) => ({
    ...honest.opening,
    leaves: honest.leaves.map((leaf, i) => encodeEmbeddingLeaf(i === 1 ? change(leaf) : leaf)),
  });

  it('passes, though no score has length one', () => {
    expect(replay()).toEqual([]);
    expect(parseEmbeddingHeader(honest.opening.header)).toEqual(honest.header);
  });

  it('commits one value, which is finite and no negative zero', () => {
    expect(() => encodeEmbeddingHeader({ ...honest.header, embeddingSize: 2 })).toThrow(/2 values/);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -0])
      expect(replay(bend((leaf) => ({ ...leaf, vector: Float32Array.of(value) })))).toEqual(['commitment-form']);
    expect(replay(bend((leaf) => ({ ...leaf, vector: Float32Array.of(1, 2) })))).toEqual(['commitment-form']);
  });

  it('fails if a document is moved up', () => {
    expect(replay(bend((leaf) => ({ ...leaf, vector: Float32Array.of(9) })))).toEqual(['vectors', 'sketch']);
  });

  it('does not accept vectors as scores', () => {
    const header = encodeEmbeddingHeader({ ...honest.header, endpoint: 'embedding' });
    expect(replay({ ...honest.opening, header })).toEqual(['unit-norm']);
  });

  it('answers no request for vectors', () => {
    const { header, response } = honest;
    const { payee, orderHash } = header;
    const order = { choice: 0, payee, orderHash, contextSize: header.longestInput } as NamedOrder;
    const inputs = Array.from({ length: header.vectorCount }, () => 'a');
    const failed = (endpoint: string, fields: object): string[] => {
      const request = findModality(endpoint).parseRequest(body({ model, ...fields }), endpoint) as never;
      const context = { order, request, response, beacon: undefined, mayBeCancelled: false };
      return failures(checkEmbeddingHeader(crypto, header, context));
    };
    expect(failed('rerank', { query: 'q', documents: inputs })).toEqual([]);
    expect(failed('embedding', { input: inputs })).toEqual(['inputs']);
  });
});

describe('a reranking in stage 2', () => {
  const claim = { header: honest.header, leaves: honest.leaves };
  const numericClass = 'fake-1/js/f64/fast/hash/kv-none';

  it('is accepted if every score is equal to the bit, and rejected by one different bit', () => {
    expect(adjudicateEmbedding(crypto, claim, honest.report).outcome).toBe('accept');
    const near = createSyntheticEmbedding({ crypto, reranks: true, noise: 1e-6 }).report;
    const verdict = adjudicateEmbedding(crypto, claim, near);
    expect([verdict.outcome, failures(verdict.checks)]).toEqual(['reject', ['equality']]);
  });

  it.each([
    ['the same scores', 0, 'inconclusive'],
    ['more than honest drift', 0.02, 'inconclusive'],
    ['another model', 0.5, 'reject'],
  ])('is never accepted if classes differ: %s', (_what, noise, outcome) => {
    const other = createSyntheticEmbedding({ crypto, reranks: true, noise, numericClass });
    expect(adjudicateEmbedding(crypto, claim, other.report).outcome).toBe(outcome);
  });

  /** A claim of one score, and the report of a verifier in another class with another score. */
  const judge = (claimed: number, own: number): string => {
    const leafOf = (score: number) => {
      const values = Int16Array.from({ length: 16 }, (_, j) => (j % 2 === 0 ? 1 : -1) * Math.round(score * 1024));
      return { vector: Float32Array.of(score), sketch: { exponent: -10, values } };
    };
    const leaf = { ...(honest.leaves[0] as EmbeddingLeaf), ...leafOf(claimed) };
    const [input] = honest.report.inputs;
    const inputs = [{ ...(input as NonNullable<typeof input>), sketch: leafOf(own).sketch }];
    return adjudicateEmbedding(crypto, { ...claim, leaves: [leaf] }, { ...honest.report, numericClass, inputs })
      .outcome;
  };

  it('measures scores near zero by their difference, and larger ones in proportion', () => {
    expect(judge(0.001, 0.004)).toBe('inconclusive');
    expect(judge(0.004, 0)).toBe('inconclusive');
    expect(judge(0.001, 0.5)).toBe('reject');
    expect(judge(1.9, 1.9)).toBe('inconclusive');
    expect(judge(-0.5, 0.5)).toBe('reject');
  });

  it('does not accept zeros in place of small likelihoods', () => {
    expect(judge(0, 0.004)).toBe('inconclusive');
    expect(judge(0, 0.00001)).toBe('inconclusive');
  });
});
