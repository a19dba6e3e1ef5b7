import type { TensorEngine, TensorInfo } from '@ogong/engine/interface/tensor';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { computePromptBlind } from '@ogong/protocol/commitment/blinds';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { parseTensorHeader, type TensorHeader } from '@ogong/protocol/modality/tensor/header';
import { encodeTensorReport } from '@ogong/protocol/modality/tensor/report';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { type BoundRequest, bindRequest } from '@ogong/protocol/modality/tensor/signature';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { encodeTensorResponse, hashTensorInputs } from '@ogong/protocol/modality/tensor/tensor-list';
import type { ScorableJob, ScoringMeans } from '../modality.ts';
import { isRefusedByModel } from './run-request.ts';

/** Tensors to check: the request, without the answer. */
interface TensorJob {
  readonly jobId: Uint8Array;
  /** Redacted; its class and tier are the reply's. */
  readonly header: TensorHeader;
  readonly request: TensorRequest;
  /** The exact bytes. */
  readonly body: Uint8Array;
}

/** @throws Refusal naming the field that is out of range. */
function readTensorJob(message: ScoreJobMessage): TensorJob {
  const { jobId, endpoint, request: body } = message;
  assertJob(jobId.length === 16, `a job id has 16 bytes, not ${jobId.length}`);
  assertJob(
    tensor.endpoints.includes(endpoint),
    `this model reads tensors alone; ${endpoint.slice(0, 32)} was asked for`,
  );
  assertJob(
    message.modality === tensor.name && message.claim.length === 0,
    'the job shows the answer of another modality',
  );
  try {
    return { jobId, header: parseTensorHeader(message.header), request: tensor.parseRequest(body), body };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
    throw error;
  }
}

/** Opens a job for an engine. @throws Refusal naming the field that is out of range. */
export function openTensorJob(message: ScoreJobMessage, { engine, crypto }: ScoringMeans<TensorEngine>): ScorableJob {
  const job = readTensorJob(message);
  const score = (signal: AbortSignal) => scoreTensorJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: 1, score };
}

/**
 * Runs the request here.
 * @returns the canonical report.
 * @throws EngineError if this machine fails.
 */
async function scoreTensorJob(
  { jobId, header, request, body }: TensorJob,
  { engine, crypto, signal }: { readonly engine: TensorEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const info = engine.info();
  const { modelRoot, vocabularyHash } = info;
  const bound = tryBind(request, info);
  // If the verifier refused, a reply to inputs that the model cannot read would be unaudited, and paid.
  if (bound === undefined) return encodeReport({ jobId, header, info, vocabularyHash: NONE, promptTokensHash: NONE });
  const promptTokensHash = hashTensorInputs(crypto, computePromptBlind(crypto, body), bound.inputs);
  try {
    const result = await engine.run({ ...bound, numericClass: header.numericClass }, { signal });
    return encodeTensorReport({
      ...{ jobId, modelRoot, vocabularyHash, promptTokensHash },
      ...{ numericClass: result.numericClass, exact: result.exact },
      elapsedMs: Math.min(0xffffffff, Math.round(result.elapsedMs)),
      outputs: encodeTensorResponse(result.outputs),
    });
  } catch (error) {
    // The model gives no answer to these inputs, so every answer to them is made up.
    if (isRefusedByModel(error)) return encodeReport({ jobId, header, info, vocabularyHash, promptTokensHash });
    throw error;
  }
}

function tryBind(request: TensorRequest, { signature }: TensorInfo): BoundRequest | undefined {
  try {
    return bindRequest(request, signature);
  } catch (error) {
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}

const NONE = new Uint8Array(32);

/** Encodes a report without outputs. */
function encodeReport({
  jobId,
  header,
  info,
  vocabularyHash,
  promptTokensHash,
}: Pick<TensorJob, 'jobId' | 'header'> & {
  readonly info: TensorInfo;
  readonly vocabularyHash: Uint8Array;
  readonly promptTokensHash: Uint8Array;
}): Uint8Array {
  const { modelRoot, numericClass, exact } = info;
  return encodeTensorReport({
    ...{ jobId, modelRoot, numericClass, vocabularyHash, promptTokensHash, elapsedMs: 0 },
    exact: exact && numericClass === header.numericClass,
    outputs: new Uint8Array(0),
  });
}

function assertJob(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
