import type { BatchModel } from '../batch-model.ts';
import { EngineError } from '../engine.ts';

/** Whether one token's pass shows the embedding and every block: architectures name their tensors as they like. */
export function probeTrace(model: BatchModel): boolean {
  const context = model.createTraceContext?.();
  if (context === undefined) return false;
  try {
    context.add(0, 0, 0);
    context.decode(true);
    context.layerRows();
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'unsupported-model') return false;
    throw error;
  } finally {
    context.free();
  }
}
