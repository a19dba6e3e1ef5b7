import type { EmbeddingInput } from '@ogong/protocol/modality/embedding/request';
import type { EmbeddingInfo, EmbedRequest, EmbedResult } from '../interface/embedding.ts';
import type { ChildContract } from './child-messages.ts';

export type EmbeddingCall =
  | { readonly kind: 'embed'; readonly request: EmbedRequest }
  | { readonly kind: 'tokenize'; readonly input: EmbeddingInput; readonly query?: string | undefined };

export interface EmbeddingResults {
  readonly embed: EmbedResult;
  readonly tokenize: Uint32Array;
}

/** Messages between the child process of an embedding model and its parent. */
export interface EmbeddingContract<L extends ChildContract['load'] = ChildContract['load']> extends ChildContract {
  readonly load: L;
  readonly info: EmbeddingInfo;
  readonly call: EmbeddingCall;
  readonly results: EmbeddingResults;
}
