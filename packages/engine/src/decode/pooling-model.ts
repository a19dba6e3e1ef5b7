/** What an embedding host needs of a model: tokens in, one raw vector out. llama.cpp implements it, and the fake. */
export interface PoolingModel {
  tokenize(input: string): Uint32Array;
  /**
   * One pass over one input.
   * @returns f32[embeddingSize], pooled and not yet normalised; valid until the next pass. @throws EngineError.
   */
  pool(tokens: Uint32Array): Float32Array;
  free(): void;
}
