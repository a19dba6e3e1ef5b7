/** Properties of one loaded segment: a slab, a range of a model's layers. */
export interface SegmentEngineInfo {
  readonly place: SegmentPlace;
  /** Layers that it computes, without the first slab's block of zeros. */
  readonly layers: number;
  /** Values of a row: the width of the hidden state. */
  readonly embeddingSize: number;
  /** Words of the vocabulary; 0 for an interior segment. */
  readonly vocabularySize: number;
  /** Positions of each sequence. */
  readonly contextSize: number;
  readonly sequences: number;
  /** Rows of one pass at most. */
  readonly passRows: number;
  /** The class of the whole model with these kernels. On a CPU a cut changes no bit, so the class does not name it. */
  readonly numericClass: string;
  /** False if the layers are recurrent: positions of a sequence that has more cannot be dropped, so there are no guesses. */
  readonly canDropPositions: boolean;
}

/**
 * `first` takes tokens and returns rows, `interior` takes rows and returns rows, and `last` takes rows and returns logits. A row is the
 * output of a layer, before the final norm.
 */
export type SegmentPlace = 'first' | 'interior' | 'last';

/** Rows of one pass. All segments of a model run the same passes, in the same order. */
export interface SegmentPass {
  /**
   * `prompt` rows have no logits, and run on the kernels of a prompt. Every `step` row has logits. So have `score` rows, which run a
   * reply again on reference kernels.
   */
  readonly kind: 'prompt' | 'step' | 'score';
  /**
   * Rows by sequence, which ascend. Each sequence has the same number of rows, at positions that follow each other. Rows behind the
   * first of a step are guesses.
   */
  readonly groups: readonly SegmentGroup[];
  /**
   * Tokens for the first segment, one for each row. For another segment f32[rows, embeddingSize]: the rows that the segment before it
   * returned. Not mutated.
   */
  readonly input: Uint32Array | Float32Array;
}

export interface SegmentGroup {
  readonly sequence: number;
  /** Absolute position of the first row, from 0. */
  readonly position: number;
  readonly rows: number;
  /** Name of the request whose rows these are, see TextGenerationRequest. */
  readonly passKey?: string;
}

/** Copies, which the caller owns. */
export type SegmentOutput =
  /** f32[rows, embeddingSize]: the output of the segment's last layer. */
  | { readonly kind: 'rows'; readonly rows: Float32Array }
  /**
   * f32[rows, vocabularySize], natural log scale, unnormalised; and f32[rows, embeddingSize], the inputs of the head. Both are empty
   * for a prompt.
   */
  | { readonly kind: 'logits'; readonly logits: Float32Array; readonly hidden: Float32Array };

/** A pass of a whole model: a token for each row. */
export type ChainPass = Omit<SegmentPass, 'input'> & { readonly tokens: Uint32Array };

/**
 * The segments before the last one of a chain, in this process or elsewhere. Calls take effect in their order. A caller may make the
 * next call before the last one has ended. Each call ends within a bounded time, since all replies of the chain wait for it.
 */
export interface UpstreamRows {
  /**
   * Runs a pass through these segments.
   * @returns f32[rows, embeddingSize], the input of the last segment, which the caller owns. After a failure of any kind the replies
   * of the chain end with a retryable error, and their sequences are dropped.
   */
  run(pass: ChainPass): Promise<Float32Array>;
  /** As `drop` of SegmentEngine, for each of these segments. After a failure whole sequences are dropped, in any state. */
  drop(sequence: number, position: number): Promise<void>;
}

/** One loaded segment, with the KV cache of its layers for each sequence. */
export interface SegmentEngine {
  info(): SegmentEngineInfo;
  /**
   * Runs one pass. Its rows are kept in the KV cache, those of guesses too.
   * @throws EngineError `invalid-request` for rows that do not fit or are not finite; the KV cache is unchanged then. `engine-crashed`
   * if llama.cpp fails; drop the sequences of the pass then.
   */
  run(pass: SegmentPass): Promise<SegmentOutput>;
  /**
   * Drops the positions of a sequence from `position` on: rejected guesses, or with 0 the whole sequence.
   * @throws EngineError `unsupported-model` if `position` is above 0 and the layers cannot drop positions.
   */
  drop(sequence: number, position: number): Promise<void>;
  close(): Promise<void>;
}
