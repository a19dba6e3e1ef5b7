import type { StampedFile } from '@ogong/models/model-root';
import type { TrajectoryContract } from '../process/trajectory-messages.ts';
import type { OnnxClass } from './numeric-class.ts';
import type { OnnxRuntime } from './runtime/packages.ts';

/** Facts that the parent read of the model. The child loads only unchanged files. */
export interface OnnxTrajectoryLoad {
  /** The folder, absolute and without links. */
  readonly modelPath: string;
  readonly modelRoot: Uint8Array;
  readonly vocabularyHash: Uint8Array;
  /** All files that the engine reads, stamped as they were when they were hashed. */
  readonly files: readonly StampedFile[];
  /** The class that the engine computes in. */
  readonly own: OnnxClass;
  /** Runtimes on this machine, that of the own class among them. */
  readonly runtimes: readonly OnnxRuntime[];
  /** The CPU's part of a native class here; undefined without a native runtime. */
  readonly nativeIsa: string | undefined;
  readonly maxQueue: number;
}

export type OnnxTrajectoryContract = TrajectoryContract<OnnxTrajectoryLoad>;
