import type { PictureRows } from './picture-rows.ts';

/**
 * The part of a model that the scheduler uses: rows in, logits and hidden states out. llama.cpp implements it in the engine's
 * child process, the fake engine in plain TypeScript.
 */
export interface BatchModel {
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  /** Rows that prompts hold in place of picture tokens; absent if the model or its kernels take none. */
  readonly pictures?: PictureRows | undefined;
  isEnd(token: number): boolean;
  /** The token's bytes as they appear in text; special tokens have none, but for marks of the model's answer format. */
  bytesOf(token: number): Uint8Array;
  createContext(options: ContextOptions): BatchContext;
  /** One sequence; absent if the layers cannot be seen. */
  createTraceContext?(): TraceContext;
  /** Absent if the rows between layers cannot be seen. */
  createEdgeContext?(): EdgeContext;
  free(): void;
}

export interface ContextOptions {
  readonly purpose: 'serve' | 'score';
  readonly sequences: number;
  /** Serving contexts that were opened before with as many sequences each. Their sequences are others. Default: 0. */
  readonly group?: number;
}

export interface BatchContext {
  /** Positions per sequence. */
  readonly contextSize: number;
  readonly sequences: number;
  /** Rows per decode at most. */
  readonly batchSize: number;
  /**
   * The shape class in which rows without outputs run. In an exact numeric class, rows of this shape may be reused as rows of
   * another prompt.
   */
  readonly promptShape: number;
  /**
   * Rows of a prompt pass at least; 0 if the number does not matter. Rows of the prompt shape then stand in passes of one
   * sequence and of so many rows, which prompt-pieces.ts cuts. In a shorter prompt they have shape class 0.
   */
  readonly leastPromptRows: number;
  /** Rows of one sequence that a pass of this shape class holds at most. */
  passRows(shapeClass: number | undefined): number;
  /**
   * Adds a row to the next decode; rows of one call ascend by sequence, so that neighbours share a pass.
   * @param token id of a token, or of a picture row if no outputs are wanted.
   * @param shapeClass shape class of the row, if the numeric class has several. Default: the context chooses.
   * @throws RangeError if a value is out of bounds.
   */
  add(token: number, position: number, sequence: number, shapeClass?: number): void;
  /**
   * Adds guessed tokens behind the last added row. The context decides how many of them run; their outputs follow that row's.
   * Rows that the caller does not remove stay in the cache.
   * @param guesses may change only after the decode.
   */
  guess(guesses: Int32Array, count: number): void;
  /** How many of the guesses behind the index-th added row ran in the last decode. */
  guessesRun(index: number): number;
  /**
   * Runs the added rows; with `outputs` every row yields logits and a hidden state, without, none does.
   * @returns a promise if other processes compute a part of the pass. No other call but `remove` may come before its end. A pass
   * without outputs may go on after the call; if it fails, a later call fails.
   * @throws EngineError, or rejects with one.
   */
  decode(outputs: boolean): Promise<void> | undefined;
  /** Returns the place of the index-th added row's outputs in `logits` and `hidden`. */
  outputRow(index: number): number;
  /** The shape class of the pass that computed the index-th added row; 0 if the numeric class knows only one. */
  shapeOf(index: number): number;
  /** f32[rows, vocabulary], unnormalised natural log scale; valid until the next decode, may be overwritten. */
  logits(): Float32Array;
  /** f32[rows, embedding]: the LM head's inputs; valid until the next decode. */
  hidden(): Float32Array;
  /** Names the request whose rows the sequence holds from now on. Default: nobody asks. */
  name?(sequence: number, passKey: string | undefined): void;
  /** Forgets a sequence, or its positions from `from` up to but not with `to`. */
  remove(sequence: number, from?: number, to?: number): void;
  free(): void;
}

/** A context whose passes end before `decode` returns. */
export interface LocalContext extends BatchContext {
  decode(outputs: boolean): undefined;
}

/** A model that is computed in this process alone. */
export interface LocalModel extends BatchModel {
  createContext(options: ContextOptions): LocalContext;
}

export interface TraceContext extends LocalContext {
  /**
   * Of the first added row in the last decode with outputs: f32[embedding] each, copied; the token's embedding, then the
   * output of every block. @throws EngineError if llama.cpp did not report one.
   */
  layerRows(): readonly Float32Array[];
}

/** Takes rows that leave a layer. @param rows f32[n, embedding] of the next n positions, in memory of their own. */
export type PushRows = (edge: number, rows: Float32Array) => void;

/** A context of one sequence that shows the rows between layers. */
export interface EdgeContext extends LocalContext {
  /**
   * Gives the rows that leave layers to `push` during each decode from now on, in the order in which they were added.
   * @param edges numbers of layers before the edges; none of them is 0 or the last layer.
   */
  watch(edges: readonly number[], push: PushRows): void;
}
