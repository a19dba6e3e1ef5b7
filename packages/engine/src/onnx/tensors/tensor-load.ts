import type { TensorContract } from '../../process/tensor-messages.ts';
import type { OnnxFolderLoad } from '../plan-folder.ts';

export interface OnnxTensorLoad extends OnnxFolderLoad {
  /** Name of the ONNX file in the folder. */
  readonly file: string;
  /** Names of the files of its weights. */
  readonly externalFiles: readonly string[];
  readonly weightType: string;
}

export type OnnxTensorContract = TensorContract<OnnxTensorLoad>;
