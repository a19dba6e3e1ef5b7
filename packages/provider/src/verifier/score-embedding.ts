import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { embedding, isEmbeddingClaim } from '@ogong/protocol/modality/embedding/embedding';
import { type EmbeddingHeader, parseEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { sketchVector } from '@ogong/protocol/modality/embedding/leaf';
import { encodeEmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import { type EmbeddingRequest, parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/text/stage2/score-commitment';

/** An embedding to check: the request, without the answer. */
export interface EmbeddingJob {
  readonly jobId: Uint8Array;
  /** Redacted; its class, bank and tier are the reply's. */
  readonly header: EmbeddingHeader;
  readonly request: EmbeddingRequest;
  readonly bankSeed: Uint8Array;
}

/** @throws Refusal naming what is out of range. */
export function parseEmbeddingJob(message: ScoreJobMessage): EmbeddingJob {
  const { jobId, endpoint, sketchBankSeed: bankSeed } = message;
  assertJob(jobId.length === 16, `a job id has 16 bytes, not ${jobId.length}`);
  assertJob(bankSeed.length === 32, `a sketch bank seed has 32 bytes, not ${bankSeed.length}`);
  assertJob(
    embedding.endpoints.includes(endpoint),
    `this model makes embeddings; ${endpoint.slice(0, 32)} was asked for`,
  );
  assertJob(isEmbeddingClaim(message.claim), 'the job shows the answer of another modality');
  try {
    const header = parseEmbeddingHeader(message.header);
    return { jobId, header, request: parseEmbeddingRequest(message.request), bankSeed };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
    throw error;
  }
}

/**
 * The request's own inputs, tokenised and embedded here.
 * @returns the canonical report.
 * @throws EngineError, Refusal where an input does not fit.
 */
export async function scoreEmbeddingJob(
  { jobId, header, request, bankSeed }: EmbeddingJob,
  {
    engine,
    crypto,
    signal,
  }: { readonly engine: EmbeddingEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { numericClass: claimed, sketchDirections: directions } = header;
  const { inputs } = request;
  const { modelRoot, vocabularyHash, embeddingSize } = engine.info();
  const result = await engine.embed({ inputs, numericClass: claimed }, { signal });
  const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
  return encodeEmbeddingReport({
    ...{ jobId, modelRoot, vocabularyHash, embeddingSize },
    numericClass: result.numericClass,
    exact: result.exact,
    sketchDirections: directions,
    elapsedMs: Math.min(0xffffffff, Math.round(result.elapsedMs)),
    inputs: result.inputs.map(({ tokens, vector }) => ({
      tokenCount: tokens.length,
      tokensHash: hashTokens(crypto, tokens),
      vectorHash: crypto.sha256(encodeVector(vector)),
      sketch: sketchVector(bank, vector),
    })),
  });
}

function assertJob(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
