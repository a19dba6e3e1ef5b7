import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening, type Opening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, REPLY_ID_BYTES, type RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { encodeHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { LOCAL_POSTURE } from '@ogong/protocol/tier/local';
import { computeLocalBank, NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { composeEmbedding, type EmbeddingParts } from '../engine/embedding-commitment.ts';
import type { ModelRequest } from '../engine/model-request.ts';
import { composeHeader } from '../engine/reply-header.ts';
import type { KeptReply } from './local-receipts.ts';

/** A request as it is served, with the bytes that ask for exactly this. */
export interface ServedRequest extends ModelRequest {
  /** What the receipt is about. */
  readonly body: Uint8Array;
  readonly startMs: number;
}

/** What is fixed before the first token. */
export interface LocalPlan {
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly drawKey: DrawKeyInputs;
  readonly sketch: { readonly bankSeed: Uint8Array; readonly directions: number };
}

export function planLocally(
  { crypto, randomBytes }: { readonly crypto: Crypto; readonly randomBytes: (length: number) => Uint8Array },
  {
    engine,
    request: { asked, body },
    draw = 0,
  }: Pick<LocalReply, 'engine' | 'draw'> & { readonly request: ServedRequest },
): LocalPlan {
  const { modelRoot } = engine.info();
  const requestHash = hashReadRequest(crypto, asked, body);
  const replyId = randomBytes(REPLY_ID_BYTES);
  const drawKey: DrawKeyInputs =
    asked.seed === undefined
      ? {
          ...{ mode: 'nonce', nonce: randomBytes(32), requestHash, replyId },
          ...{ providerId: NOBODY.hash, epoch: 0n, beacon: NOBODY.hash },
        }
      : // The seed alone, so that rewording a client's envelope does not change the draws.
        { mode: 'seed', seed: asked.seed, requestHash: NOBODY.hash, modelRoot, choice: draw };
  const sketch = { bankSeed: computeLocalBank(crypto, modelRoot), directions: DEFAULT_DIRECTIONS };
  return { replyId, requestHash, drawKey, sketch };
}

export interface LocalReply {
  readonly engine: TextEngine;
  readonly request: ServedRequest;
  /** Which of the answers to this prompt. Default: the first. */
  readonly draw?: number;
  readonly plan: LocalPlan;
  readonly promptTokens: Uint32Array;
  readonly windows: readonly WindowBytes[];
  readonly end: Extract<TextGenerationEvent, { kind: 'end' }>;
  readonly endMs: number;
}

/** What a provider would sign of the same answer, with nobody's signature. */
export function commitLocally(
  crypto: Crypto,
  { engine, request, draw = 0, plan, promptTokens, windows, end, endMs }: LocalReply,
): KeptReply {
  const { asked, body, startMs } = request;
  const { replyId, requestHash, drawKey, sketch } = plan;
  const info = engine.info();
  const { outputTokens, stopReason, text } = end;
  const blinds = computeBlinds(crypto, { body, replyId });
  const header = composeHeader(crypto, {
    ...{ asked, blinds, info, sketch, drawKey, choice: draw, promptTokens, outputTokens, stopReason, ...LOCAL_POSTURE },
    ...{ orderHash: NOBODY.hash, payee: NOBODY.address, endpoint: asked.endpoint, promptDay: findDay(startMs) },
  });
  const opening = { blind: blinds.answer, header: encodeHeader(header), windows };
  const tokenCount = outputTokens.length;
  const { modelRoot } = info;
  const made = { replyId, requestHash, modelRoot, opening, response: utf8Encode(text), tokenCount, startMs, endMs };
  return toKeptReply(crypto, { ...made, endpoint: asked.endpoint, request: body });
}

export interface LocalEmbedding extends Pick<EmbeddingParts, 'info' | 'inputs'> {
  readonly request: EmbeddingRequest;
  readonly body: Uint8Array;
  readonly replyId: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

/** The same of vectors. */
export function commitEmbeddingLocally(
  crypto: Crypto,
  { info, inputs, request, body, ...given }: LocalEmbedding,
): KeptReply {
  const { modelRoot } = info;
  const bound = { orderHash: NOBODY.hash, payee: NOBODY.address, choice: 0, ...LOCAL_POSTURE };
  const sketchBankSeed = computeLocalBank(crypto, modelRoot);
  const blinds = computeBlinds(crypto, { body, replyId: given.replyId });
  const parts = { ...bound, blinds, endpoint: request.endpoint, sketchBankSeed, info, inputs };
  const made = composeEmbedding(crypto, parts);
  const requestHash = hashReadRequest(crypto, request, body);
  const named = { modelRoot, requestHash, tokenCount: inputs.length, endpoint: request.endpoint, request: body };
  return toKeptReply(crypto, { ...given, ...made, ...named });
}

interface MadeReply extends Pick<RecordV2, 'replyId' | 'requestHash' | 'modelRoot' | 'tokenCount'> {
  readonly endpoint: string;
  readonly opening: Opening;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

function toKeptReply(crypto: Crypto, made: MadeReply): KeptReply {
  const { endpoint, opening, request, response, startMs, endMs, replyId, requestHash, modelRoot, tokenCount } = made;
  const bytes = encodeRecordV2({
    ...{ replyId, requestHash, modelRoot, tokenCount },
    responseHash: hashResponse(crypto, opening.blind, response),
    commitRoot: computeCommitment(crypto, opening).root,
    startNs: BigInt(startMs) * 1_000_000n,
    endNs: BigInt(Math.max(startMs, endMs)) * 1_000_000n,
  });
  const receipt = { endpoint, record: { bytes }, opening: { bytes: encodeOpening(opening) } };
  return { replyId: toHex(replyId), receipt, request, response };
}

/** What a chat template reads as today, in days since 1970-01-01 UTC. */
export const findDay = (nowMs: number): number => Math.floor(nowMs / 86_400_000);
