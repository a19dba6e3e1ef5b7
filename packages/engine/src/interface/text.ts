import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { SketchParameters } from '@ogong/protocol/commitment/sketch';
import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import type { CompletionPrompt } from '@ogong/protocol/modality/text/request/completion-prompt';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';
import { NAT, type SamplerSettings, type TokenBias } from '@ogong/protocol/modality/text/sampling/sampler';
import type { TailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import type { EncodedPicture } from './vision.ts';

/** Properties and abilities of a model, loaded in one engine. */
export interface TextEngineInfo {
  /** SHA-256 over the ordered shard content hashes (whitepaper 7.2), 32 bytes. */
  readonly modelRoot: Uint8Array;
  /**
   * Roots that the model's own is composed of: the base model's, each adapter's in order, and that of an encoder of pictures. Absent
   * without adapters and encoder.
   */
  readonly modelParts?: readonly Uint8Array[];
  /** SHA-256 over every token's type and text; spec: docs/spec/commitment.md. */
  readonly vocabularyHash: Uint8Array;
  readonly vocabularySize: number;
  /** Tokens that end a reply, ascending. */
  readonly stopTokens: Uint32Array;
  /** Width of the LM-head input. */
  readonly embeddingSize: number;
  /** The token that stands in prompts for each row of a picture; absent if the model reads no pictures. */
  readonly pictureToken?: number;
  /** Largest prompt + output, in tokens. */
  readonly contextSize: number;
  readonly sequences: number;
  /** Replies that a pass of `score` holds at most, if several calls wait; 1 if absent. */
  readonly scoresTogether?: number;
  /** e.g. `llama.cpp-0.5.0/cpu/haswell/default+fa/q8_0/kv-f16`: engine build, backend, ISA, kernel path, weights, KV. */
  readonly numericClass: string;
  /** Layers of the model, if `score` can show the rows between them; absent if it cannot. */
  readonly layers?: number;
  /** Layers on a card, if the rest stays on the CPU. */
  readonly gpuLayers?: number;
  /** How steps are brought into shape classes (spec: docs/spec/numeric-class.md); absent if the class knows none. */
  readonly shapes?: 'wide' | 'mixed' | 'single';
  /** True if a `score` in the class `exactClass` reproduces `generate` bit for bit. */
  readonly exact: boolean;
  readonly weightType: string;
  readonly hasChatTemplate: boolean;
  /** How replies are read: content, reasoning and calls (docs/spec/answer.md). */
  readonly answerFormat: AnswerFormat;
  /** Effect of wishes about thinking on its chat template; absent if the template has none. */
  readonly thinking?: TemplateThinking;
  readonly capabilities: TextCapabilities;
}

/** Abilities of an engine. Anything else is refused with EngineError('unsupported-model'), or 'invalid-request' in a request. */
export interface TextCapabilities {
  readonly exact: boolean;
  readonly trace: boolean;
  /**
   * It draws by the protocol's sampler under the draw key, and lists candidates: windows hold draws and sketches. Without it windows
   * hold tokens alone, and `end` says what was `counted`.
   */
  readonly draws: boolean;
  readonly score: boolean;
  /** `firstDraw` above 0. */
  readonly resume: boolean;
  /** `tokenizePrompt` and `detokenize`. Without it prompts are given as texts and messages. */
  readonly tokenize: boolean;
  readonly prompts: readonly Prompt['kind'][];
  readonly tools: boolean;
  readonly grammar: boolean;
  /** Biases of tokens. */
  readonly bias: boolean;
  /** Other filters than top-p. */
  readonly filters: boolean;
  /** Repetition penalties: `whole` over the whole context alone, `windowed` also over its last tokens. */
  readonly repetition: 'none' | 'whole' | 'windowed';
  /** How many alternatives of a token it names, at most. */
  readonly alternatives: number;
}

/** Capabilities of an engine that computes itself. */
export const FULL_CAPABILITIES: Omit<TextCapabilities, 'exact' | 'trace'> = {
  ...{ draws: true, score: true, resume: true, tokenize: true, prompts: ['chat', 'text', 'tokens', 'fill'] },
  ...{ tools: true, grammar: true, bias: true, filters: true, repetition: 'windowed', alternatives: 20 },
};

/** Returns whether an engine applies the repetition penalty of these settings; it always does if the penalty is off. */
export const takesRepetition = (
  { repetition }: Pick<TextCapabilities, 'repetition'>,
  { repetitionPenaltyQ16, repetitionWindow }: SamplerSettings,
): boolean =>
  repetitionPenaltyQ16 === NAT || repetition === 'windowed' || (repetition === 'whole' && repetitionWindow === 0);

/** Token id in events of an engine that names no tokens; its log-probability is not a number. */
export const UNNAMED_TOKEN = 0xffffffff;

/** The wishes about thinking that change the prompt, and the answer formats of replies to such prompts. */
export interface TemplateThinking {
  readonly readsWanted: boolean;
  readonly readsEffort: boolean;
  /** Whether the prompt has the reasoning of earlier answers, behind the last question at least. */
  readonly readsReasoning: boolean;
  readonly formats: Readonly<Record<'yes' | 'no', AnswerFormat>>;
}

/** A prompt, and its pictures in the order in which it names them; none if absent. */
export type Prompt = PlainPrompt & { readonly pictures?: readonly EncodedPicture[] };

type PlainPrompt =
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      /** Functions that the answer may call. Default: none. */
      readonly tools?: readonly WrittenTool[];
      /** Whether calls have to stand between the marks of the family `hermes`, whatever the model's own is. Default: no. */
      readonly marksCalls?: boolean;
      /** Default: nothing is said. */
      readonly thinking?: ThinkingWish;
      /** Day that a chat template gets as today, in days since 1970-01-01 UTC. Default: a template that asks for the date refuses. */
      readonly day?: number;
    }
  | (CompletionPrompt & {
      /** Whether names of control tokens in a text are these tokens. Only `tokenizePrompt` reads it. Default: no. */
      readonly readsControlTokens?: boolean;
    });

export interface TextGenerationRequest {
  readonly prompt: Prompt;
  readonly sampler: SamplerSettings;
  readonly bias: readonly TokenBias[];
  /** Grammar of the reply, in GBNF (docs/spec/grammar.md): other tokens are left out before the draw. Default: anything. */
  readonly grammar?: string | undefined;
  /** 32 bytes; every draw is a function of it (protocol: draw-key). */
  readonly drawKey: Uint8Array;
  /**
   * Position of the first draw. Above 0 if the prompt ends with the tokens of another reply, which is continued. Default: 0.
   */
  readonly firstDraw?: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sketch: SketchParameters;
  /** 0..20: how many alternatives each token event names. */
  readonly topLogprobs: number;
  /**
   * Requests with the same scope may begin with rows that another of them has left in the KV cache. No bit of a reply depends on
   * it, but its time to the first token does. At most 512 characters; a request without one neither leaves nor finds any.
   */
  readonly cacheScope?: string;
  /** Names the request in its passes through a chain of segments. Other engines ignore it. */
  readonly passKey?: string;
  /** Engines without it run the same decode and capture nothing (bench only). */
  readonly commit?: boolean;
}

export interface TokenLikelihood {
  readonly id: number;
  /** The token's bytes; may be part of a UTF-8 sequence. */
  readonly bytes: Uint8Array;
  /** Nats, from the committed fixed-point value. */
  readonly logprob: number;
}

export type TextGenerationEvent =
  | { readonly kind: 'start'; readonly promptTokens: Uint32Array }
  | {
      readonly kind: 'token';
      readonly token: TokenLikelihood;
      readonly alternatives: readonly TokenLikelihood[];
      /** Text that became final with this token: whole UTF-8 characters, nothing that may still turn into a stop string. */
      readonly text: string;
    }
  /** A full window of 32 positions (the last may be shorter), in order. */
  | { readonly kind: 'window'; readonly window: WindowBytes }
  | {
      readonly kind: 'end';
      readonly stopReason: StopReason;
      /** Reason for which the request's grammar lets no token follow, with stop reason `cancelled`. Default: it ended otherwise. */
      readonly stuck?: string;
      /** Every sampled token, the stop token included when there is one. */
      readonly outputTokens: Uint32Array;
      /** The reply: all `text` pieces, plus what was held back. */
      readonly text: string;
      readonly timings: { readonly promptMs: number; readonly decodeMs: number };
      /** Prompt tokens whose rows were in the KV cache. */
      readonly cachedTokens: number;
      /** Counts of an engine that names no tokens of prompts, or none at all: `outputTokens` are then all or none. */
      readonly counted?: { readonly promptTokens: number; readonly outputTokens: number };
      /** The exchange with a hosted API, if the link to it can be shown. */
      readonly exchange?: ShownExchange;
      /** Tokens that ran on a guess, and how many of them were the ones that were drawn; if the engine guesses. */
      readonly drafts?: { readonly proposed: number; readonly accepted: number };
    };

export interface TextScoringRequest {
  readonly promptTokens: Uint32Array;
  /** The claimed output, scored in one teacher-forced pass. */
  readonly outputTokens: Uint32Array;
  /** Each picture in the prompt, f32[rows, embeddingSize]: the rows that the provider committed to. */
  readonly pictures?: readonly Pick<EncodedPicture, 'rows' | 'grids'>[];
  readonly sampler: SamplerSettings;
  readonly bias: readonly TokenBias[];
  /** The grammar that was asked for; see TextGenerationRequest. */
  readonly grammar?: string | undefined;
  readonly sketch: SketchParameters;
  /** How many candidates to list per position (what the provider listed), 1..64; Uint8Array of length outputTokens. */
  readonly listSizes: Uint8Array;
  /**
   * The shape class that the provider committed for each position (protocol: window.ts, ShapeRun), in which it is
   * recomputed; the engine's own choice if absent. A class that the engine does not know is not echoed.
   */
  readonly shapeClasses?: Uint8Array;
  /** The reply's draws that fell into the tail; none if absent. Only `firstOtherChoice` and `tailGap` depend on them. */
  readonly tailDraws?: TailDraws;
  /** The provider's declared class; the engine reproduces it if it can and says so in the result. */
  readonly numericClass: string;
  /** Edges between layers whose rows the result commits to; only if `info` names `layers`. Default: none. */
  readonly edges?: ScoredEdges | undefined;
}

/** Edges between the layers of a model (docs/spec/boundary.md). */
export interface ScoredEdges {
  /** Number of layers before each edge, ascending, 1 to one less than the model's layers. */
  readonly layers: readonly number[];
  /** Blind of the answer, 32 bytes. The rows are committed to under it. */
  readonly blind: Uint8Array;
}

export interface TextScoringResult {
  /** The same encoding that `generate` commits to, from this engine's own pass over the claimed tokens. */
  readonly windows: readonly WindowBytes[];
  /**
   * First position at which this engine would have chosen otherwise while generating; -1 if there is none. It would have listed
   * another number of candidates, or named another token for the tail draw. A token outside the list without a tail draw is another.
   */
  readonly firstOtherChoice: number;
  /**
   * The draw from the tail that falls farthest from the unlisted token that was claimed for it. Its distance is a share of the
   * unlisted mass, in 2^-24 units. Undefined if every draw falls on its token.
   */
  readonly tailGap: { readonly gap: number; readonly position: number } | undefined;
  /**
   * Values of each edge that was asked for, in the same order. They have the rows of all tokens of prompt and output but the last, and all
   * of them come from this pass. Absent if none was asked for.
   */
  readonly edges?: readonly EdgeValues[];
  /** Rows, from the first on, that an earlier score had left in the cache: a reply of the same conversation. */
  readonly cachedTokens: number;
  readonly numericClass: string;
  /** True where this pass is bit-exact for the claimed class: any difference is then a cheat. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

export interface TextTracingRequest extends TextScoringRequest {
  /** Index of the output token whose row is traced, from 0. */
  readonly position: number;
}

export interface TextTracingResult {
  /**
   * SHA-256 each, over the position's f32 row as little-endian bytes: the token's embedding, the output of every block,
   * the LM-head input, the logits. Blocks + 3 in all.
   */
  readonly stages: readonly Uint8Array[];
  /** A window of this one position, as `score` would have written it. */
  readonly row: WindowBytes;
  readonly numericClass: string;
  /** As in TextScoringResult. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

/**
 * One loaded model. Every implementation passes `describeEngine` of @ogong/testing.
 * Aborting the signal of `generate` frees the slot at once; the iterator then ends with stop reason `cancelled`.
 */
export interface TextEngine {
  readonly specificationVersion: 'text-v1';
  info(): TextEngineInfo;
  /** @throws EngineError; after `start` an error ends the iterator. */
  generate(request: TextGenerationRequest, options?: { signal?: AbortSignal }): AsyncIterable<TextGenerationEvent>;
  score(request: TextScoringRequest, options?: { signal?: AbortSignal }): Promise<TextScoringResult>;
  /**
   * One pass as `score` makes it, up to one position, with every layer's output there; only if `capabilities.trace`.
   * @throws EngineError('unsupported-model') elsewhere.
   */
  trace(request: TextTracingRequest, options?: { signal?: AbortSignal }): Promise<TextTracingResult>;
  /** The templated prompt's token ids, for a request that is not (yet) generated. */
  tokenizePrompt(prompt: Prompt): Promise<Uint32Array>;
  /**
   * Whether the model's own chat template writes the prompt of these messages as they are. Else their turns were joined, or the text
   * of the model's family stands in its place. Engines without it always use it, or have none.
   */
  usesTemplate?(prompt: Prompt): Promise<boolean>;
  /**
   * The rows of a picture in the bytes of its file; only if there is a `pictureToken`.
   * @throws EngineError('invalid-request') for a file that is no picture that the encoder reads, 'unsupported-model' elsewhere.
   */
  encodePicture(file: Uint8Array, options?: { signal?: AbortSignal }): Promise<EncodedPicture>;
  /**
   * The pieces of `encodePicture` for a picture, from the size in its file alone. Engines without it have no `pictureToken`.
   * @throws EngineError('invalid-request') for a file that is no picture that the encoder reads.
   */
  measurePicture?(file: Uint8Array): Promise<EncodedPicture['pieces']>;
  /** Bytes of the tokens' text. Special tokens spell nothing, but for marks of the answer format. */
  detokenize(tokens: Uint32Array): Promise<Uint8Array>;
  close(): Promise<void>;
}
