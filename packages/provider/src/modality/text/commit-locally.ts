import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { encodeHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { LOCAL_POSTURE } from '@ogong/protocol/tier/local';
import { computeLocalBank, NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { makeLocalDrawKey } from '../draw-keys.ts';
import { type KeptReply, toKeptReply } from '../local-reply.ts';
import type { ModelRequest } from './model-request.ts';
import { commitPictures } from './read-pictures.ts';
import { composeHeader } from './reply-header.ts';

/** A request as it is served, with the bytes that ask for exactly this. */
export interface ServedRequest extends ModelRequest {
  /** The bytes that the receipt is about. */
  readonly body: Uint8Array;
  readonly startMs: number;
  /** The media that the body names; see mediaBytes. Default: none. */
  readonly media?: RequestMedia;
  /** The pictures of the prompt, as the model's encoder read them. Default: none. */
  readonly pictures?: readonly EncodedPicture[];
}

/** Values that are fixed before the first token. */
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
  const drawKey = makeLocalDrawKey(
    { randomBytes },
    { requestHash, replyId, modelRoot, seed: asked.seed, choice: draw },
  );
  const sketch = { bankSeed: computeLocalBank(crypto, modelRoot), directions: DEFAULT_DIRECTIONS };
  return { replyId, requestHash, drawKey, sketch };
}

export interface LocalReply {
  readonly engine: TextEngine;
  readonly request: ServedRequest;
  /** Number of the answer to this prompt. Default: the first. */
  readonly draw?: number;
  readonly plan: LocalPlan;
  readonly promptTokens: Uint32Array;
  readonly windows: readonly WindowBytes[];
  readonly end: Extract<TextGenerationEvent, { kind: 'end' }>;
  readonly endMs: number;
}

/** Commits an answer as a provider would, but unsigned. */
export function commitLocally(
  crypto: Crypto,
  { engine, request, draw = 0, plan, promptTokens, windows, end, endMs }: LocalReply,
): KeptReply {
  const { asked, body, startMs, media = NO_MEDIA, pictures = [] } = request;
  const { replyId, requestHash, drawKey, sketch } = plan;
  const info = engine.info();
  const { outputTokens, stopReason, text } = end;
  const blinds = computeBlinds(crypto, { body, replyId });
  const shown = commitPictures(crypto, blinds.answer, { pictures, rowSize: info.embeddingSize });
  const header = composeHeader(crypto, {
    shown,
    ...{ asked, blinds, info, sketch, drawKey, choice: draw, promptTokens, outputTokens, stopReason, ...LOCAL_POSTURE },
    ...{ orderHash: NOBODY.hash, payee: NOBODY.address, endpoint: asked.endpoint, promptDay: findDay(startMs) },
  });
  const opening = { blind: blinds.answer, header: encodeHeader(header), windows };
  const tokenCount = outputTokens.length;
  const { modelRoot } = info;
  const made = { replyId, requestHash, modelRoot, opening, response: utf8Encode(text), tokenCount, startMs, endMs };
  const kept = toKeptReply(crypto, { ...made, endpoint: asked.endpoint, request: body });
  return { ...kept, media, blobs: shown.blobs };
}

/** Returns the day that chat templates get as today, in days since 1970-01-01 UTC. */
export const findDay = (nowMs: number): number => Math.floor(nowMs / 86_400_000);
