import type { EmbeddingInfo, EmbedRequest, EmbedResult } from '../interface/embedding.ts';
import type { Backend } from '../llama-cpp/library.ts';
import type { ChildContract } from './child-messages.ts';

/** What the child process of an embedding model and its parent say to each other. */
export interface EmbeddingLoad {
  readonly modelPath: string;
  readonly modelRoot: Uint8Array;
  readonly isa: string;
  readonly backend: Backend;
  readonly threads: number;
  readonly contextSize: number;
  readonly kernels: EmbeddingKernels;
  readonly maxQueue: number;
}

/** `reference` passes are the same on every machine of the class; `plain` ones are ggml's choice, and nobody's equal. */
export type EmbeddingKernels = 'reference' | 'plain';

export type EmbeddingCall =
  | { readonly kind: 'embed'; readonly request: EmbedRequest }
  | { readonly kind: 'tokenize'; readonly input: string };

export interface EmbeddingResults {
  readonly embed: EmbedResult;
  readonly tokenize: Uint32Array;
}

export interface EmbeddingContract extends ChildContract {
  readonly load: EmbeddingLoad;
  readonly info: EmbeddingInfo;
  readonly call: EmbeddingCall;
  readonly results: EmbeddingResults;
}
