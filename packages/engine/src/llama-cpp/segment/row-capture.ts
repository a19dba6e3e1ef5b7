import { EngineError } from '../../interface/engine-error.ts';
import { countRowValues, readRows } from '../layer-capture.ts';
import { type LlamaLibrary, type Pointer, registerEvaluation } from '../library.ts';

/** Reads the output of one layer while a context computes. llama.cpp names the output of block i `l_out-<i>`: f32, a row per row. */
export interface RowCapture {
  /** For the context's `cb_eval`. */
  readonly callback: Pointer;
  /** Begins a pass. @param input f32[rows, embeddingSize] of the pass; absent for tokens. */
  begin(input?: Float32Array): void;
  /** f32[rows, embeddingSize] of the pass. @throws EngineError if llama.cpp reported another number of rows. */
  take(rows: number): Float32Array;
  /** Call it after the context is freed. */
  release(): void;
}

export interface RowCaptureOptions {
  readonly embeddingSize: number;
  /** The block whose output is read; undefined for none. */
  readonly block: number | undefined;
  /** Ends each pass behind that block. */
  readonly stops: boolean;
  /** Writes the input again behind llama.cpp's scaling of embeddings. */
  readonly restoresInput: boolean;
}

/** The embeddings behind their scaling. */
const SCALED_INPUT = 'inp_scaled';

export function createRowCapture(
  library: LlamaLibrary,
  { embeddingSize, block, stops, restoresInput }: RowCaptureOptions,
): RowCapture {
  const output = block === undefined ? undefined : `l_out-${block}`;
  let input: Float32Array | undefined;
  let restored = 0;
  let parts: Float32Array[] = [];

  const evaluation = registerEvaluation((tensor, isAsking) => {
    const name = String(library.tensorName(tensor));
    const isInput = restoresInput && input !== undefined && name === SCALED_INPUT;
    if (!isInput && name !== output) return false;
    if (isAsking) return true;
    if (isInput) {
      const count = countRowValues(library, tensor, embeddingSize);
      const values = input?.slice(restored, restored + count);
      restored += count;
      if (count > 0 && values?.length === count) library.tensorWrite(tensor, values, 0, 4 * count);
      else restored = Number.NaN;
      return true;
    }
    // llama.cpp cuts a pass whose sequences do not follow each other, and calls once for each part, in the order of the rows.
    parts.push(readRows(library, tensor, embeddingSize));
    return !stops;
  });

  return {
    callback: evaluation.pointer,
    begin(next) {
      input = next;
      restored = 0;
      parts = [];
    },
    take(rows) {
      const wanted = rows * embeddingSize;
      if (restoresInput && input !== undefined && restored !== wanted)
        throw new EngineError('engine-crashed', 'llama.cpp did not report its scaled input');
      const all = parts.length === 1 ? (parts[0] as Float32Array) : concatenate(parts);
      parts = [];
      if (output !== undefined && all.length !== wanted)
        throw new EngineError('engine-crashed', `llama.cpp reported ${all.length} of ${wanted} values of ${output}`);
      return all;
    },
    release: evaluation.release,
  };
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
