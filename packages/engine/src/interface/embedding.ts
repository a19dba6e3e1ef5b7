import type { EmbeddingInput } from '@ogong/protocol/modality/embedding/request';

/** How a model makes one vector of a text's hidden states; `rank` makes a score of them: the model reranks documents. */
export type Pooling = 'mean' | 'cls' | 'last' | 'rank';

/** Properties and abilities of an embedding model, loaded in one engine. */
export interface EmbeddingInfo {
  /** SHA-256 over the ordered shard content hashes (whitepaper 7.2), 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** SHA-256 over every token's type and text; spec: docs/spec/commitment.md. */
  readonly vocabularyHash: Uint8Array;
  readonly vocabularySize: number;
  /** Values of a vector; one if the model reranks. */
  readonly embeddingSize: number;
  /** Tokens of one input at most, special ones included. */
  readonly contextSize: number;
  /** Requests that wait for their turn at most. */
  readonly sequences: number;
  readonly numericClass: string;
  /** True if any engine of the same class computes the same bits. */
  readonly exact: boolean;
  readonly weightType: string;
  readonly pooling: Pooling;
}

export interface EmbedRequest {
  /**
   * Texts, or ids of tokens in the model's vocabulary, which are read as they are. Each is embedded by itself: no bit of a vector
   * depends on its neighbours.
   */
  readonly inputs: readonly EmbeddingInput[];
  /** Text that each input is read with; only for a model that reranks. */
  readonly query?: string | undefined;
  /** The claim's class, when a claim is checked. The engine reproduces it if it can, and says so in the result. */
  readonly numericClass?: string;
}

export interface EmbeddedInput {
  /** All tokens of the text: an input that is too long is refused, never cut. */
  readonly tokens: Uint32Array;
  /** f32[embeddingSize], of length one (protocol: normaliseVector); if the model reranks, the score as it is. */
  readonly vector: Float32Array;
}

export interface EmbedResult {
  /** In the order of the inputs. */
  readonly inputs: readonly EmbeddedInput[];
  readonly numericClass: string;
  /** True where these passes are bit-exact for the claimed class, or the own one if none was claimed. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

/**
 * One loaded model that turns texts into vectors, or reranks documents. Every implementation passes `describeEmbeddingEngine` of
 * @ogong/testing.
 */
export interface EmbeddingEngine {
  readonly specificationVersion: 'embedding-v1';
  info(): EmbeddingInfo;
  /** @throws EngineError: 'prompt-too-long' where one input is; then none is embedded. */
  embed(request: EmbedRequest, options?: { signal?: AbortSignal }): Promise<EmbedResult>;
  /** The token ids of an input, special ones and its query included. @throws EngineError as `embed` does for a query. */
  tokenize(input: EmbeddingInput, query?: string): Promise<Uint32Array>;
  close(): Promise<void>;
}
