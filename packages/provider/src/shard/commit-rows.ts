import { setImmediate as turn } from 'node:timers/promises';
import {
  type BoundaryCommitment,
  commitBoundaryInSteps,
  hashInputInSteps,
} from '@ogong/protocol/modality/text/boundary/boundary-root';

/** The longest time between two turns of the event loop, ms. */
const TURN_MS = 8;

/** Commits to rows as commitBoundary does, in turns of the event loop: 4,096 rows of 8,192 values take some 3 s. */
export const commitRows = (...given: Parameters<typeof commitBoundaryInSteps>): Promise<BoundaryCommitment> =>
  runInTurns(commitBoundaryInSteps(...given));

/** Computes the `input` of a root in turns of the event loop. */
export const hashInput = (...given: Parameters<typeof hashInputInSteps>): Promise<Uint8Array> =>
  runInTurns(hashInputInSteps(...given));

async function runInTurns<T>(steps: Generator<void, T>): Promise<T> {
  let sinceMs = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - sinceMs < TURN_MS) continue;
    await turn();
    sinceMs = performance.now();
  }
}
