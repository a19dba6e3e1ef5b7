import { ProtocolError } from '../../base/bytes.ts';
import { createFormat, hash, struct } from '../../base/codec.ts';
import type { WindowBytes } from '../../commitment/opening.ts';
import { encodeProjection, parseProjection } from './projection.ts';

/** One step of a trajectory: leaf 1 and later ones of its commitment (docs/spec/trajectory.md). */
export interface StepLeaf {
  /** Root of the blob of the latent that the step begins with. */
  readonly latentRoot: Uint8Array;
  /** Root of the blob of the output: the model's output after guidance, or both answers of a step with momentum. */
  readonly outputRoot: Uint8Array;
  /** Root of the blob of the guidance's momentum after the step; undefined for a step without momentum. */
  readonly stateRoot?: Uint8Array | undefined;
  /** Projection of that output, f32[61]. */
  readonly projection: Float32Array;
}

/** A trajectory as its opening shows it. */
export interface StepLeaves {
  readonly steps: readonly StepLeaf[];
  /** Root of the blob of the last latent, which is decoded: the last leaf. */
  readonly finalRoot: Uint8Array;
}

const rootsFormat = createFormat(struct({ latentRoot: hash, outputRoot: hash }), {});
const momentumFormat = createFormat(struct({ latentRoot: hash, outputRoot: hash, stateRoot: hash }), {});
const MOMENTUM_BYTES = 96;
const finalFormat = createFormat(struct({ finalRoot: hash }), {});

/** Encodes leaf 1 and all later ones. */
export function encodeStepLeaves({ steps, finalRoot }: StepLeaves): WindowBytes[] {
  return [
    ...steps.map(({ projection, stateRoot, ...roots }) => ({
      draws: stateRoot ? momentumFormat.encode({ ...roots, stateRoot }) : rootsFormat.encode(roots),
      sketch: encodeProjection(projection),
    })),
    { draws: finalFormat.encode({ finalRoot }), sketch: new Uint8Array(0) },
  ];
}

/** @throws ProtocolError unless encodeStepLeaves would write exactly these windows. */
export function parseStepLeaves(windows: readonly WindowBytes[]): StepLeaves {
  const last = windows.at(-1);
  if (last === undefined || last.sketch.length > 0)
    throw new ProtocolError('malformed', 'the last leaf of a trajectory is not that of its last latent');
  const steps = windows.slice(0, -1).map(({ draws, sketch }) => ({
    ...(draws.length === MOMENTUM_BYTES ? momentumFormat.decode(draws) : rootsFormat.decode(draws)),
    projection: parseProjection(sketch),
  }));
  return { steps, finalRoot: finalFormat.decode(last.draws).finalRoot };
}
