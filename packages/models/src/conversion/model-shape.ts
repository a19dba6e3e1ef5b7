/** One tensor of each layer: its names and its shape, the contiguous size last. */
export interface ConversionRule {
  /** Behind `model.layers.N.`. */
  readonly source: string;
  /** Behind `blk.N.`. */
  readonly target: string;
  readonly shape: (sizes: ModelShape) => readonly number[];
  /** The heads of its rows, if it makes queries or keys, which turn with their positions. */
  readonly rotates?: 'heads' | 'kvHeads' | undefined;
}

/** A family of dense models that this converter knows. */
export interface ModelFamily {
  /** `model_type` of the configuration, and `general.architecture` of GGUF. */
  readonly architecture: string;
  /**
   * llama.cpp turns pairs of neighbours in a head of this family, and transformers turns the two halves of a head. So rows of queries and
   * keys change places.
   */
  readonly pairsNeighbours: boolean;
  /** Whether the size of a head does not follow from the size of the model. */
  readonly statesHeadSize: boolean;
  readonly layer: readonly ConversionRule[];
}

/** How rotary positions are stretched. Fields have the names of the configuration. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  /** Low frequencies are divided, high ones stay, and those between are blended. */
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly low_freq_factor: number;
      readonly high_freq_factor: number;
      readonly original_max_position_embeddings: number;
    };

/** Sizes of a model, as its `config.json` states them. */
export interface ModelShape {
  readonly family: ModelFamily;
  readonly layers: number;
  readonly embedding: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Even. */
  readonly headSize: number;
  readonly vocabulary: number;
  /** Positions. */
  readonly context: number;
  readonly epsilon: number;
  readonly ropeBase: number;
  readonly ropeScaling: RopeScaling;
  /** Whether the head is the token embedding. */
  readonly isTied: boolean;
}
