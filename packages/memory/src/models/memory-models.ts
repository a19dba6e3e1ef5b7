import type { StoredEvidence } from '../memory.ts';

/** A value that a model made, with the evidence of the call. */
export interface ModelValue<T> {
  readonly value: T;
  readonly evidence: StoredEvidence;
}

export interface PromptTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatAsk {
  readonly messages: readonly PromptTurn[];
  /** JSON schema of the answer. The provider's grammar binds the answer to it. */
  readonly schema: object;
  readonly maxTokens: number;
}

/** Models that a memory service asks: those of a gateway or of local mode, or scripted ones. Each call throws if its receipt fails. */
export interface MemoryModels {
  /** Names of the models, as callers of the API know them. */
  readonly names: { readonly chat: string; readonly embedding: string; readonly rerank: string | undefined };
  /** @returns the text of the answer, which is JSON of the asked schema unless it was cut at `maxTokens`. */
  chat(ask: ChatAsk, signal: AbortSignal): Promise<ModelValue<string>>;
  /** @returns one vector of unit length for each text, in order. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<ModelValue<readonly Float32Array[]>>;
  /** @returns one score for each text, in order; higher is better. Undefined without a reranker. */
  readonly rerank?: (
    query: string,
    texts: readonly string[],
    signal: AbortSignal,
  ) => Promise<ModelValue<readonly number[]>>;
}
