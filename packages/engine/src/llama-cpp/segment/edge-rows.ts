import type { EdgeContext, PushRows } from '../../decode/batch-model.ts';
import { EngineError } from '../../interface/engine-error.ts';
import type { LayerCapture } from '../layer-capture.ts';

/** The rows that leave layers during a pass, without those that only fill it up. */
export interface EdgeRows {
  watch: EdgeContext['watch'];
  /** Announces a pass. @param places of its own rows among all of its rows, ascending. */
  begin(places: readonly number[], total: number): void;
  /** Ends the pass. @throws EngineError if a layer showed another number of rows, or what `push` threw. */
  end(): void;
}

export function createEdgeRows(capture: LayerCapture, embeddingSize: number): EdgeRows {
  let edges: readonly number[] = [];
  let push: PushRows = () => undefined;
  let places: readonly number[] = [];
  let total = 0;
  let failure: unknown;
  /** Rows of the pass that each edge has shown. */
  const shown = new Map<number, number>();

  const take = (edge: number, part: Float32Array): void => {
    const from = shown.get(edge) ?? 0;
    const to = from + part.length / embeddingSize;
    shown.set(edge, to);
    const own = places.filter((place) => place >= from && place < to);
    const rows = new Float32Array(own.length * embeddingSize);
    own.forEach((place, i) => {
      const at = (place - from) * embeddingSize;
      rows.set(part.subarray(at, at + embeddingSize), i * embeddingSize);
    });
    if (own.length > 0) push(edge, rows);
  };

  return {
    watch(next, nextPush) {
      edges = next;
      push = nextPush;
      // An exception must not pass through llama.cpp.
      capture.watch(new Set(edges), (stage, part) => {
        try {
          if (failure === undefined) take(stage, part);
        } catch (error) {
          failure = error;
        }
      });
    },
    begin(nextPlaces, nextTotal) {
      places = nextPlaces;
      total = nextTotal;
      failure = undefined;
      shown.clear();
    },
    end() {
      if (failure !== undefined) throw failure;
      const other = edges.find((edge) => shown.get(edge) !== total);
      if (other === undefined) return;
      throw new EngineError(
        'unsupported-model',
        `llama.cpp showed ${shown.get(other) ?? 0} of ${total} rows behind ${other} layers of this model`,
      );
    },
  };
}
