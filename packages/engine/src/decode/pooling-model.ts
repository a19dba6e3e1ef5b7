/** What an embedding host needs of a model: tokens in, one raw vector out. llama.cpp implements it, and the fake. */
export interface PoolingModel {
  /** @param query what the input is read with; where the model reranks, and only there. */
  tokenize(input: string, query?: string): Uint32Array;
  /**
   * One pass over one input.
   * @returns f32[embeddingSize], pooled and not yet normalised; valid until the next pass. @throws EngineError.
   */
  pool(tokens: Uint32Array): Float32Array;
  free(): void;
}
