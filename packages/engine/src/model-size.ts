import { isModelFolder } from '@ogong/models/model-folder';
import { isOnnxModel } from '@ogong/models/onnx-model';
import { BATCH_ROWS, estimateMemory } from './llama-cpp/device/memory.ts';
import { assertMayLoad } from './llama-cpp/engine.ts';
import { inspectModelFile } from './llama-cpp/model-file.ts';
import type { KvType } from './llama-cpp/numeric-class.ts';
import { assertFolderFits, estimateFolderMemory, type OnnxNetworkSize } from './onnx/plan-folder.ts';
import { inspectTensorModel } from './onnx/tensors/tensor-engine.ts';
import { inspectPictureFolder } from './onnx/trajectory-engine.ts';
import { inspectEncoder } from './vision/picture-encoder.ts';

/** Memory of a loaded model, in bytes. */
export interface ModelMemory {
  /** Weights that are mapped: they count as free memory as long as nobody needs it. */
  readonly weights: number;
  /** Weights, caches and buffers. */
  readonly total: number;
}

/**
 * A first look at a model, before it is read in full: whether it is one, and whether it fits into memory.
 * @throws EngineError
 */
export function assertModelFits(path: string, options: Parameters<typeof assertMayLoad>[1] = {}): void {
  const networks = inspectNetworks(path);
  if (networks === undefined) assertMayLoad(path, options);
  else assertFolderFits(networks, 'cpu', options.availableMemory);
}

/** Reads the size of a model that runs on ONNX Runtime; undefined for a GGUF file. @throws EngineError */
function inspectNetworks(path: string): OnnxNetworkSize | undefined {
  if (isModelFolder(path)) return inspectPictureFolder(path);
  return isOnnxModel(path) ? inspectTensorModel(path) : undefined;
}

/** Counts the bytes of a model's weights. @throws EngineError */
export function countWeightBytes(path: string): number {
  return inspectNetworks(path)?.sizeBytes ?? inspectModelFile(path).weightBytes;
}

/** Estimates the memory of a model that is loaded. @throws EngineError */
export function estimateModelMemory(
  path: string,
  {
    contextSize,
    sequences,
    kvType,
    valueType,
    batchSize = BATCH_ROWS,
    encoderPath,
  }: {
    readonly contextSize: number;
    readonly sequences: number;
    readonly kvType: KvType;
    readonly valueType?: KvType | undefined;
    readonly batchSize?: number | undefined;
    /** Folder of the encoder of pictures beside it. */
    readonly encoderPath?: string | undefined;
  },
): ModelMemory {
  // ONNX Runtime copies the weights: the machine's free memory is without them already.
  const networks = inspectNetworks(path);
  if (networks !== undefined) return { weights: 0, total: estimateFolderMemory(networks) };
  const { weights, total } = estimateMemory(inspectModelFile(path), {
    ...{ contextSize, sequences, batchSize, kvType, valueType },
  });
  const encoder = encoderPath === undefined ? 0 : estimateFolderMemory(inspectEncoder(encoderPath));
  return { weights, total: total + encoder };
}
