import type { TextEngineInfo } from '@ogong/engine/interface/text';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import type { SketchParameters } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Endpoint,
  type Header,
  hashTokens,
  NO_GRAMMAR,
  type StopReason,
} from '@ogong/protocol/modality/text/commitment/header';
import { NO_TOKENS_HASH } from '@ogong/protocol/modality/text/commitment/token-window';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { hashAskedGrammar } from '@ogong/protocol/modality/text/request/request-summary';
import { chooseAnswerFormat } from './model-request.ts';
import { type CommittedPictures, NO_PICTURES } from './read-pictures.ts';

/** A reply as an engine gave it, and what bound it. */
export interface HeaderInputs
  extends Pick<Header, 'orderHash' | 'tier' | 'method' | 'drawKey' | 'choice' | 'promptDay' | 'payee'> {
  readonly endpoint: Endpoint;
  readonly blinds: Blinds;
  readonly asked: InferenceRequest;
  readonly info: TextEngineInfo;
  readonly sketch: SketchParameters;
  readonly promptTokens: Uint32Array;
  /** Rows of the pictures in the prompt. Default: none. */
  readonly shown?: CommittedPictures | undefined;
  readonly outputTokens: Uint32Array;
  /** Counts of an engine that names no tokens of the prompt, or none at all. Default: those tokens are all that there are. */
  readonly counted?: { readonly promptTokens: number; readonly outputTokens: number } | undefined;
  readonly stopReason: StopReason;
  /** Roots of the shards of a cohort, by place. Default: one provider has the whole model. */
  readonly boundaries?: Header['boundaries'] | undefined;
}

/** Leaf 0 of a reply's commitment. */
export function composeHeader(
  crypto: Crypto,
  { asked, blinds, info, sketch, promptTokens, outputTokens, counted, shown = NO_PICTURES, ...given }: HeaderInputs,
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
    promptTokensHash: hashNamed(crypto, blinds.prompt, promptTokens, counted?.promptTokens),
    promptTokenCount: counted?.promptTokens ?? promptTokens.length,
    answerFormat: chooseAnswerFormat(info, asked),
    grammarHash: hashAskedGrammar(crypto, asked) ?? NO_GRAMMAR,
    outputTokensHash: hashNamed(crypto, blinds.answer, outputTokens, counted?.outputTokens),
    outputTokenCount: counted?.outputTokens ?? outputTokens.length,
    stopReason,
    parts: info.modelParts ?? [],
    pictures: shown.pictures,
    boundaries: given.boundaries ?? [],
    payee,
  };
}

/** Tokens that nobody named have no hash. */
const hashNamed = (crypto: Crypto, blind: Uint8Array, tokens: Uint32Array, count: number | undefined): Uint8Array =>
  count === undefined || count === tokens.length ? hashTokens(crypto, blind, tokens) : NO_TOKENS_HASH;
