import type { EmbeddingEngine, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { computePromptBlind } from '@ogong/protocol/commitment/blinds';
import { createSketchBank, createSketchRow } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import { type EmbeddingHeader, parseEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { sketchVector } from '@ogong/protocol/modality/embedding/leaf';
import { encodeEmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import type { ScorableJob, ScoringMeans } from '../modality.ts';
import { countValues, embedRequest, findSizeProblem } from './embed-request.ts';

/** An embedding to check: the request, without the answer. */
export interface EmbeddingJob {
  readonly jobId: Uint8Array;
  /** Redacted; its class, bank and tier are the reply's. */
  readonly header: EmbeddingHeader;
  readonly request: EmbeddingRequest;
  /** The exact bytes. */
  readonly body: Uint8Array;
  readonly bankSeed: Uint8Array;
}

/** @throws Refusal naming what is out of range. */
export function parseEmbeddingJob(message: ScoreJobMessage): EmbeddingJob {
  const { jobId, endpoint, sketchBankSeed: bankSeed } = message;
  assertJob(jobId.length === 16, `a job id has 16 bytes, not ${jobId.length}`);
  assertJob(bankSeed.length === 32, `a sketch bank seed has 32 bytes, not ${bankSeed.length}`);
  assertJob(
    embedding.endpoints.includes(endpoint),
    `this model writes no text; ${endpoint.slice(0, 32)} was asked for`,
  );
  assertJob(
    message.modality === embedding.name && message.claim.length === 0,
    'the job shows the answer of another modality',
  );
  try {
    const header = parseEmbeddingHeader(message.header);
    assertJob(header.endpoint === endpoint, `the header is one of ${header.endpoint}, the job one of ${endpoint}`);
    const { request: body } = message;
    return { jobId, header, request: embedding.parseRequest(body, endpoint), body, bankSeed };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
    throw error;
  }
}

/** Opens a job for an engine. @throws Refusal naming what is out of range. */
export function openEmbeddingJob(
  message: ScoreJobMessage,
  { engine, crypto }: ScoringMeans<EmbeddingEngine>,
): ScorableJob {
  const job = parseEmbeddingJob(message);
  const score = (signal: AbortSignal) => scoreEmbeddingJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: job.request.inputs.length, score };
}

/**
 * The request's own inputs, tokenised and embedded here.
 * @returns the canonical report.
 * @throws EngineError, Refusal if an input does not fit.
 */
export async function scoreEmbeddingJob(
  { jobId, header, request, body, bankSeed }: EmbeddingJob,
  {
    engine,
    crypto,
    signal,
  }: { readonly engine: EmbeddingEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { numericClass: claimed, sketchDirections: directions } = header;
  const info = engine.info();
  const { modelRoot, vocabularyHash } = info;
  const isOfModel =
    (request.query !== undefined) === (info.pooling === 'rank') && findSizeProblem(request, info) === undefined;
  // If the verifier refused, vectors of a reranker, or scores of another model, would be unaudited, and paid.
  if (!isOfModel) return encodeBlankReport({ jobId, header, request }, info);
  const embeddingSize = countValues(request, info);
  const result = await embedRequest(engine, request, { signal, numericClass: claimed });
  const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
  const blind = computePromptBlind(crypto, body);
  return encodeEmbeddingReport({
    ...{ jobId, modelRoot, vocabularyHash, embeddingSize },
    numericClass: result.numericClass,
    exact: result.exact,
    sketchDirections: directions,
    elapsedMs: Math.min(0xffffffff, Math.round(result.elapsedMs)),
    inputs: result.inputs.map(({ tokens, vector }) => ({
      tokenCount: tokens.length,
      tokensHash: hashTokens(crypto, blind, tokens),
      vectorHash: crypto.sha256(encodeVector(vector)),
      sketch: sketchVector(bank, vector),
    })),
  });
}

/** Encodes the report of a model that cannot have made the reply: no tokens, and the vocabulary of no model. */
function encodeBlankReport(
  { jobId, header, request }: Pick<EmbeddingJob, 'jobId' | 'header' | 'request'>,
  info: EmbeddingInfo,
): Uint8Array {
  const { sketchDirections } = header;
  const { modelRoot, numericClass, exact, embeddingSize } = info;
  const blank = { tokenCount: 0, tokensHash: NONE, vectorHash: NONE, sketch: createSketchRow(sketchDirections) };
  return encodeEmbeddingReport({
    ...{ jobId, modelRoot, numericClass, embeddingSize, sketchDirections, vocabularyHash: NONE, elapsedMs: 0 },
    exact: exact && numericClass === header.numericClass,
    inputs: request.inputs.map(() => blank),
  });
}

const NONE = new Uint8Array(32);

function assertJob(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
