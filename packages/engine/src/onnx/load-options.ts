import type { TrajectoryContract } from '../process/trajectory-messages.ts';
import type { OnnxFolderLoad } from './plan-folder.ts';

export interface OnnxTrajectoryLoad extends OnnxFolderLoad {
  readonly vocabularyHash: Uint8Array;
}

export type OnnxTrajectoryContract = TrajectoryContract<OnnxTrajectoryLoad>;
