import { equalBytes } from '../../base/bytes.ts';
import { computeBlobRoot } from '../../commitment/blob.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { encodeValues, readValues } from '../shared/values.ts';
import type { StepGuidance } from './guidance-plan.ts';
import type { TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { advanceMomentum, guideByMomentum } from './schedule/momentum.ts';

interface CommittedMomentum {
  readonly blind: Uint8Array;
  readonly header: Pick<TrajectoryHeader, 'embeddingSize'>;
  readonly leaves: StepLeaves;
  readonly guidance: readonly StepGuidance[];
}

/** The guided output of a step, as far as it is known. */
export interface ReadGuidance {
  readonly output: Float32Array | undefined;
  /** The committed values that fix it. */
  readonly fixedBy: readonly Float32Array[];
}

/** A step whose momentum is not the committed one. */
export interface BrokenMomentum {
  readonly problem: string;
  /** The blobs that show it. */
  readonly refutedBy: readonly Uint8Array[];
}

/**
 * Creates a reader of the guided outputs, step by step. It carries the momentum from the committed answers, and compares it with its
 * committed root. If the answers of a step before are not at hand, it takes the momentum that is shown under this root.
 */
export function createGuidanceReader(
  crypto: Crypto,
  { blind, header, leaves, guidance }: CommittedMomentum,
): (
  index: number,
  committed: Float32Array | undefined,
) => Generator<Uint8Array, ReadGuidance | BrokenMomentum, Uint8Array | undefined> {
  /** The momentum of the step before, if it is at hand. */
  let state: Float32Array | undefined;
  return function* (index, committed) {
    const { factor, momentum } = guidance[index] as StepGuidance;
    const root = leaves.steps[index]?.stateRoot;
    const fixedBy = committed ? [committed] : [];
    if (momentum === undefined || root === undefined) return { output: committed, fixedBy };
    const before = state;
    const isFirst = guidance[index - 1]?.momentum === undefined;
    state = undefined;
    if (committed !== undefined && (isFirst || before !== undefined)) {
      state = advanceMomentum(momentum, committed, before);
      if (!state.every(Number.isFinite) || !equalBytes(computeBlobRoot(crypto, blind, encodeValues(state)), root)) {
        const problem = `the momentum of step ${index} does not follow from its answers`;
        return { problem, refutedBy: [...(before ? [before] : []), committed].map(encodeValues) };
      }
    } else {
      const shown = yield root;
      const values = shown && readValues(shown, header.embeddingSize);
      state = values === 'malformed' ? undefined : values;
    }
    if (committed === undefined || state === undefined) return { output: undefined, fixedBy };
    return { output: guideByMomentum(factor, committed, state), fixedBy: [...fixedBy, state] };
  };
}
