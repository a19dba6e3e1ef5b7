import { setImmediate as turn } from 'node:timers/promises';
import { type BoundaryCommitment, commitBoundaryInSteps } from '@ogong/protocol/modality/text/boundary/boundary-root';

/** The longest time between two turns of the event loop, ms. */
const TURN_MS = 8;

/** Commits to rows as commitBoundary does, in turns of the event loop: 4,096 rows of 8,192 values take some 3 s. */
export async function commitRows(...given: Parameters<typeof commitBoundaryInSteps>): Promise<BoundaryCommitment> {
  const steps = commitBoundaryInSteps(...given);
  let sinceMs = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - sinceMs < TURN_MS) continue;
    await turn();
    sinceMs = performance.now();
  }
}
