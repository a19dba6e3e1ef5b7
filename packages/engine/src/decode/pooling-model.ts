/** The part of a model that an embedding host uses: tokens in, one raw vector out. llama.cpp implements it, and the fake. */
export interface PoolingModel {
  /** @param query text that the input is read with; only for a model that reranks. */
  tokenize(input: string, query?: string): Uint32Array;
  /**
   * One pass over one input.
   * @returns f32[embeddingSize], pooled and not yet normalised; valid until the next pass. @throws EngineError.
   */
  pool(tokens: Uint32Array): Float32Array;
  free(): void;
}
