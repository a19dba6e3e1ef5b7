import type { BatchModel, TraceContext } from '../decode/batch-model.ts';
import { EngineError } from '../interface/engine-error.ts';

/** Tests whether a pass of one token shows the embedding and every block: architectures differ in their tensor names. */
export function probeTrace(model: BatchModel): boolean {
  let context: TraceContext | undefined;
  try {
    context = model.createTraceContext?.();
    if (context === undefined) return false;
    context.add(0, 0, 0);
    context.decode(true);
    context.layerRows();
    return true;
  } catch (error) {
    // Serving needs no trace: a machine without room for one more context goes without.
    if (error instanceof EngineError && NOT_HERE.includes(error.code)) return false;
    throw error;
  } finally {
    context?.free();
  }
}

const NOT_HERE: readonly string[] = ['unsupported-model', 'not-enough-memory'];
