import type { TextEngineInfo } from '@ogong/engine/interface/text';
import type { SketchParameters } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Endpoint,
  type Header,
  hashTokens,
  NO_GRAMMAR,
  type StopReason,
} from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { hashAskedGrammar } from '@ogong/protocol/modality/text/request/request-summary';
import { chooseAnswerFormat } from './model-request.ts';

/** A reply as an engine gave it, and what bound it. */
export interface HeaderInputs
  extends Pick<Header, 'orderHash' | 'tier' | 'method' | 'drawKey' | 'choice' | 'promptDay' | 'payee'> {
  readonly endpoint: Endpoint;
  readonly asked: InferenceRequest;
  readonly info: TextEngineInfo;
  readonly sketch: SketchParameters;
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
  readonly stopReason: StopReason;
}

/** Leaf 0 of a reply's commitment. */
export function composeHeader(
  crypto: Crypto,
  { asked, info, sketch, promptTokens, outputTokens, ...given }: HeaderInputs,
): Header {
  const { orderHash, endpoint, tier, method, drawKey, choice, promptDay, stopReason, payee } = given;
  return {
    ...{ orderHash, endpoint, tier, method },
    numericClass: info.numericClass,
    vocabularyHash: info.vocabularyHash,
    vocabularySize: info.vocabularySize,
    embeddingSize: info.embeddingSize,
    sketchDirections: sketch.directions,
    sketchBankSeed: sketch.bankSeed,
    sampler: asked.sampler,
    bias: asked.bias,
    ...{ drawKey, choice },
    maxTokens: asked.maxTokens,
    promptDay,
    thinking: asked.thinking,
    promptTokensHash: hashTokens(crypto, promptTokens),
    promptTokenCount: promptTokens.length,
    answerFormat: chooseAnswerFormat(info, asked),
    grammarHash: hashAskedGrammar(crypto, asked) ?? NO_GRAMMAR,
    outputTokensHash: hashTokens(crypto, outputTokens),
    outputTokenCount: outputTokens.length,
    stopReason,
    parts: info.modelParts ?? [],
    payee,
  };
}
