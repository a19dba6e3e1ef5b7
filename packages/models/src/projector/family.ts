import type { EncoderGraph } from './encoder-graph.ts';
import type { ProjectorFile } from './projector-file.ts';

/** The parts of an encoder's folder that are made of a projector. */
export interface DescribedEncoder {
  readonly config: object;
  readonly preprocessor: object;
  readonly network: Uint8Array;
}

/** One kind of projector. */
export interface ProjectorFamily {
  /** Value of `clip.projector_type`. */
  readonly type: string;
  /** @throws ModelError('corrupt') with the key or the tensor. */
  describe(file: ProjectorFile, graph: EncoderGraph): DescribedEncoder;
}

/** The longest side of a network's input, in pixels. */
export const MOST_INPUT_SIDE = 4_096;
/** The most patches of one picture: the network compares each with each. */
export const MOST_PATCHES = 1 << 14;
