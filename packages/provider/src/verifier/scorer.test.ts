import { Refusal } from '@ogong/host/link/link-error';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateEmbedding } from '@ogong/protocol/modality/embedding/adjudicate';
import { encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { parseEmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createSyntheticEmbedding } from '@ogong/testing/synthetic/synthetic-embedding';
import { afterAll, expect, it } from 'vitest';
import { findEngine, parseScorable } from './scorer.ts';

const writer = createFakeEngine();
const embedder = createFakeEmbeddingEngine();
const reranker = createFakeEmbeddingEngine({ reranks: true });
const engines = [writer, embedder, reranker];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

const { header } = createSyntheticEmbedding({ crypto });
const job: ScoreJobMessage = {
  jobId: new Uint8Array(16),
  modelRoot: embedder.info().modelRoot,
  request: Buffer.from(JSON.stringify({ model: 'ogong/verified/a/b', input: ['one', 'two'] })),
  endpoint: 'embedding',
  header: encodeEmbeddingHeader(header),
  sketchBankSeed: header.sketchBankSeed,
  timeoutMs: 1000,
  modality: 'embedding',
  claim: new Uint8Array(0),
};

it('a job is scored by the engine that runs its model', async () => {
  expect(findEngine(engines, writer.info().modelRoot)).toBe(writer);
  const scorable = parseScorable(job, findEngine(engines, job.modelRoot), crypto);
  expect(scorable.outputs).toBe(2);
  const report = parseEmbeddingReport(await scorable.score(AbortSignal.timeout(10_000)));
  expect([report.inputs.length, Buffer.from(report.modelRoot)]).toEqual([2, Buffer.from(job.modelRoot)]);
});

const scores = createSyntheticEmbedding({ crypto, reranks: true, inputs: ['one', 'two'] });
const rerankJob: ScoreJobMessage = {
  ...job,
  modelRoot: reranker.info().modelRoot,
  request: Buffer.from(JSON.stringify({ model: 'ogong/verified/a/b', query: 'q', documents: ['one', 'two'] })),
  endpoint: 'rerank',
  header: encodeEmbeddingHeader(scores.header),
};

it('a reranking is scored with its query', async () => {
  const report = parseEmbeddingReport(
    await parseScorable(rerankJob, reranker, crypto).score(AbortSignal.timeout(10_000)),
  );
  // A token a byte, one at the beginning and one between query and document.
  expect(report.inputs.map(({ tokenCount }) => tokenCount)).toEqual([6, 6]);
  expect(report.embeddingSize).toBe(1);
});

it.each([
  ['scores of a model that embeds', rerankJob, embedder, scores],
  ['vectors of a reranker', job, reranker, createSyntheticEmbedding({ crypto, inputs: ['one', 'two'] })],
])('%s are reported on so that they are rejected, and not refused', async (_what, asked, engine, claim) => {
  const bytes = await parseScorable(asked, engine, crypto).score(AbortSignal.timeout(10_000));
  const verdict = adjudicateEmbedding(crypto, claim, parseEmbeddingReport(bytes));
  expect([verdict.outcome, verdict.fault?.isFact]).toEqual(['reject', true]);
});

it.each([
  ['of a model that nobody runs here', () => findEngine(engines, new Uint8Array(32)), /no model of root 00/],
  ['without a model', () => findEngine(engines, new Uint8Array(0)), /has 32 bytes, not 0/],
  ['of another modality than its model', () => parseScorable(job, writer, crypto), /shows no text/],
  [
    'that shows a text of an embedding',
    () => {
      const value = { blind: new Uint8Array(32), outputTokens: new Uint8Array(4), listSizes: new Uint8Array(1) };
      return parseScorable({ ...job, modality: 'text', claim: encodeTextClaim(value) }, embedder, crypto);
    },
    /another modality/,
  ],
  [
    'whose header is of the other endpoint',
    () => parseScorable({ ...rerankJob, header: job.header }, reranker, crypto),
    /header is one of embedding, the job one of rerank/,
  ],
  [
    'that shows bytes of an embedding',
    () => parseScorable({ ...job, claim: Uint8Array.of(1) }, embedder, crypto),
    /another modality/,
  ],
  ['that names no modality', () => parseScorable({ ...job, modality: '' }, embedder, crypto), /another modality/],
])('a job %s is refused', (_what, run, message) => {
  expect(run).toThrow(Refusal);
  expect(run).toThrow(message);
});
