import type { EngineErrorCode } from '../interface/engine-error.ts';
import type {
  Prompt,
  TextEngineInfo,
  TextGenerationEvent,
  TextGenerationRequest,
  TextScoringRequest,
  TextScoringResult,
  TextTracingRequest,
  TextTracingResult,
} from '../interface/text.ts';
import type { Backend } from '../llama-cpp/library.ts';
import type { KernelPath, KvType } from '../llama-cpp/numeric-class.ts';
import type { ShapeChoice } from '../llama-cpp/pass-shapes.ts';

/** What the engine's child process and its parent say to each other (node's IPC, advanced serialization). */

export interface LoadOptions {
  readonly modelPath: string;
  readonly modelRoot: Uint8Array;
  readonly isa: string;
  readonly backend: Backend;
  /** Where fetched builds of llama.cpp lie. */
  readonly engineDir: string;
  readonly threads: number;
  readonly contextSize: number;
  readonly sequences: number;
  readonly kernels: KernelPath;
  readonly kvType: KvType;
  readonly flashAttention: boolean;
  readonly kvUnified: boolean;
  readonly shapes: ShapeChoice;
  readonly drafts: number;
  readonly prefixCache: boolean;
  readonly promptChunk: number;
  readonly maxQueue: number;
}

export interface CallResults {
  readonly score: TextScoringResult;
  readonly trace: TextTracingResult;
  readonly tokenize: Uint32Array;
  readonly detokenize: Uint8Array;
}

export type CallRequest =
  | { readonly kind: 'score'; readonly request: TextScoringRequest }
  | { readonly kind: 'trace'; readonly request: TextTracingRequest }
  | { readonly kind: 'tokenize'; readonly prompt: Prompt }
  | { readonly kind: 'detokenize'; readonly tokens: Uint32Array };

/** What children of one modality are loaded with, say of themselves, and are asked. */
export interface ChildContract {
  readonly load: Pick<LoadOptions, 'modelPath' | 'backend'> & Partial<Pick<LoadOptions, 'shapes'>>;
  readonly info: Pick<TextEngineInfo, 'numericClass' | 'shapes'>;
  readonly call: { readonly kind: string };
  /** By kind of call. */
  readonly results: object;
}

export interface TextContract extends ChildContract {
  readonly load: LoadOptions;
  readonly info: TextEngineInfo;
  readonly call: CallRequest;
  readonly results: CallResults;
}

export type ToChild<C extends ChildContract = TextContract> =
  | { readonly kind: 'load'; readonly options: C['load'] }
  | { readonly kind: 'generate'; readonly id: number; readonly request: TextGenerationRequest }
  | { readonly kind: 'call'; readonly id: number; readonly call: C['call'] }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'close' };

export interface PlainError {
  readonly code: EngineErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export type FromChild<C extends ChildContract = TextContract> =
  | { readonly kind: 'ready'; readonly info: C['info'] }
  | { readonly kind: 'load-failed'; readonly error: PlainError }
  /** Everything that one step yielded, in order. */
  | { readonly kind: 'events'; readonly events: readonly (readonly [id: number, event: TextGenerationEvent])[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError };
