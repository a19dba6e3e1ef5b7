import { MAX_TRACED_LAYERS } from '../decode/trace.ts';
import { EngineError } from '../interface/engine-error.ts';
import { type LlamaLibrary, type Pointer, registerEvaluation } from './library.ts';

/**
 * Reads the residual stream while a context computes. llama.cpp names the token's embedding `embd` and the output of block i
 * `l_out-<i>`. Both are f32, one row per row of the pass. Other tensors have other names from release to release.
 */
export interface LayerCapture {
  /** For the context's `cb_eval`. */
  readonly callback: Pointer;
  /** Drops what was captured; `isOn` says whether to capture the next decode. */
  arm(isOn: boolean): void;
  /**
   * f32[embedding] each: the embedding and the blocks' outputs in one row of the pass, counted from 0.
   * @throws EngineError if llama.cpp did not report one.
   */
  rows(index: number): readonly Float32Array[];
  /** Call it after the context is freed. */
  release(): void;
}

const EMBEDDING = 'embd';
const BLOCK = /^l_out-(\d{1,5})$/;

export function createLayerCapture(
  library: LlamaLibrary,
  { layers, embeddingSize }: { readonly layers: number; readonly embeddingSize: number },
): LayerCapture {
  if (layers > MAX_TRACED_LAYERS)
    throw new EngineError('unsupported-model', `a model of ${layers} blocks is too deep to be traced`);
  const seen = new Map<number, Float32Array>();
  let isArmed = false;

  const stageOf = (tensor: Pointer): number => {
    const name = String(library.tensorName(tensor));
    if (name === EMBEDDING) return 0;
    const block = Number(BLOCK.exec(name)?.[1] ?? layers);
    return block < layers ? block + 1 : -1;
  };
  const evaluation = registerEvaluation((tensor, isAsking) => {
    if (!isArmed) return false;
    const stage = stageOf(tensor);
    if (isAsking || stage < 0) return stage >= 0;
    const rowBytes = 4 * embeddingSize;
    const bytes = Number(library.tensorBytes(tensor));
    // Anything but whole f32 rows is another tensor under the same name, and would be read out of bounds.
    if (bytes > 0 && bytes % rowBytes === 0 && !seen.has(stage)) {
      const rows = new Float32Array(bytes / 4);
      library.tensorRead(tensor, rows, 0, bytes);
      seen.set(stage, rows);
    }
    return true;
  });

  return {
    callback: evaluation.pointer,
    arm(isOn) {
      seen.clear();
      isArmed = isOn;
    },
    rows: (index) =>
      Array.from({ length: layers + 1 }, (_, stage) => {
        const row = seen.get(stage)?.subarray(index * embeddingSize, (index + 1) * embeddingSize);
        if (row?.length !== embeddingSize)
          throw new EngineError(
            'unsupported-model',
            `the model shows no ${stage === 0 ? EMBEDDING : 'block'} ${stage}`,
          );
        return row;
      }),
    release: evaluation.release,
  };
}
