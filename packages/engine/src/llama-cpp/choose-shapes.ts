import type { LocalContext } from '../decode/batch-model.ts';
import type { ShapePolicy } from './pass-shapes.ts';

/** Steps that are measured; one step before them compiles the kernels. */
const ROUNDS = 3;
const MOST_SEQUENCES = 8;
/** How much longer padded steps may take than single passes, as a share. Padding makes audits cheaper. */
const PADDING_MAY_COST = 0.03;

/**
 * Measures a step of all sequences, padded and in passes of one row each, on this device with this model. Padding pays if more
 * rows cost almost nothing, for example where weights are read once per pass. If each row costs as much as the first, nothing
 * is padded, and the verifier's passes cost what the provider's do (docs/adr/shape-classes.md).
 * @param now milliseconds, monotonic.
 */
export function chooseShapes(
  open: (policy: ShapePolicy, sequences: number) => LocalContext,
  { sequences, now }: { readonly sequences: number; readonly now: () => number },
): ShapePolicy {
  const together = Math.min(sequences, MOST_SEQUENCES);
  const time = (policy: ShapePolicy): number => {
    const context = open(policy, together);
    try {
      const times = Array.from({ length: Math.min(1 + ROUNDS, context.contextSize) }, (_, position) => {
        const start = now();
        for (let sequence = 0; sequence < together; sequence++) context.add(0, position, sequence);
        context.decode(true);
        // A decode may return before the device is done.
        context.logits();
        return now() - start;
      });
      return Math.min(...times.slice(1));
    } finally {
      context.free();
    }
  };
  return time('wide') <= (1 + PADDING_MAY_COST) * time('single') ? 'wide' : 'single';
}
