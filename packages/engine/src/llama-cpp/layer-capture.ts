import { type LlamaLibrary, type Pointer, registerEvaluation } from './library.ts';

/**
 * Reads the residual stream while a context computes. llama.cpp names the token's embedding `embd` and the output of block i
 * `l_out-<i>`. Both are f32, one row per row of the pass. Other tensors have other names from release to release.
 */
export interface LayerCapture {
  /** Blocks of the model. */
  readonly layers: number;
  /** For the context's `cb_eval`. */
  readonly callback: Pointer;
  /**
   * Gives the rows of stages to `push` in each pass from now on. Stage 0 is the embedding, and stage i the output of block i - 1. A pass
   * that llama.cpp cuts gives a part of the rows at a time. Rows are new memory. `push` must not throw.
   */
  watch(stages: ReadonlySet<number>, push: (stage: number, rows: Float32Array) => void): void;
  /** Call it after the context is freed. */
  release(): void;
}

const EMBEDDING = 'embd';
const BLOCK = /^l_out-(\d{1,5})$/;

export function createLayerCapture(
  library: LlamaLibrary,
  { layers, embeddingSize }: { readonly layers: number; readonly embeddingSize: number },
): LayerCapture {
  let watched: ReadonlySet<number> = new Set();
  let push: (stage: number, rows: Float32Array) => void = () => undefined;

  const stageOf = (tensor: Pointer): number => {
    const name = String(library.tensorName(tensor));
    if (name === EMBEDDING) return 0;
    const block = Number(BLOCK.exec(name)?.[1] ?? layers);
    return block < layers ? block + 1 : -1;
  };
  const evaluation = registerEvaluation((tensor, isAsking) => {
    if (watched.size === 0) return false;
    const stage = stageOf(tensor);
    if (isAsking || !watched.has(stage)) return watched.has(stage);
    push(stage, readRows(library, tensor, embeddingSize));
    return true;
  });

  return {
    layers,
    callback: evaluation.pointer,
    watch(stages, next) {
      watched = stages;
      push = next;
    },
    release: evaluation.release,
  };
}

/** Counts the values of a tensor of f32 rows. It is 0 for another tensor under the same name, which would be read out of bounds. */
export function countRowValues(library: LlamaLibrary, tensor: Pointer, embeddingSize: number): number {
  const bytes = Number(library.tensorBytes(tensor));
  return bytes % (4 * embeddingSize) === 0 ? bytes / 4 : 0;
}

/** Copies a tensor of f32 rows; empty if it is another one. */
export function readRows(library: LlamaLibrary, tensor: Pointer, embeddingSize: number): Float32Array {
  const rows = new Float32Array(countRowValues(library, tensor, embeddingSize));
  if (rows.length > 0) library.tensorRead(tensor, rows, 0, rows.byteLength);
  return rows;
}
