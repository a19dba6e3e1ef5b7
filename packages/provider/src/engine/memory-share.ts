import { type MemoryRoom, readMemoryRoom } from '@ogong/engine/llama-cpp/device/memory';
import { allowPagedWeights, estimatePagedSeconds } from '@ogong/engine/llama-cpp/device/memory-plan';
import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { isModelFolder } from '@ogong/models/model-folder';
import { isOnnxModel } from '@ogong/models/onnx-model';

/** Limits of one model beside the others of its machine. */
export interface ModelMemoryLimits {
  /** Bytes of the other engines' weights. */
  readonly reservedBytes: number;
  /** Rest of the operator's budget for all models. */
  readonly budgetBytes: number | undefined;
}

/** Finds the memory for one model, and the limit that it comes from. */
export function findRoom({ reservedBytes, budgetBytes }: ModelMemoryLimits, machine = readMemoryRoom()): MemoryRoom {
  const left: MemoryRoom =
    reservedBytes === 0
      ? machine
      : {
          ...machine,
          bytes: machine.bytes - reservedBytes,
          cause: `${machine.cause} beside the weights of other models`,
        };
  if (budgetBytes === undefined || budgetBytes > left.bytes) return { ...left, bytes: Math.max(0, left.bytes) };
  return {
    bytes: Math.max(0, budgetBytes),
    cause: `are left of --memory-budget, while ${Math.floor(Math.max(0, left.bytes) / 2 ** 20)} MiB ${left.cause}`,
    remedy: 'raise the budget',
  };
}

/** Choices on which it depends whether weights can stay on the disk. */
interface PagedChoices {
  readonly backend: LlamaEngineOptions['backend'];
  readonly kernels: LlamaEngineOptions['kernels'];
  readonly wanted: Parameters<typeof allowPagedWeights>[1];
  readonly room: MemoryRoom;
}

/**
 * Returns the memory to plan with for a model whose weights stay on the disk; undefined if it fits, or cannot be read that way. A budget
 * counts the weights of a file that is mapped, because the operator keeps the rest of the memory for other programs.
 */
export function findPagedRoom(path: string, { backend, kernels, wanted, room }: PagedChoices): MemoryRoom | undefined {
  if (isModelFolder(path) || isOnnxModel(path)) return undefined;
  const file = inspectModelFile(path);
  // Other back ends and the fast kernels copy the weights.
  const isMapped = backend === 'cpu' && kernels !== 'fast' && file.poolingCode === undefined;
  return isMapped ? allowPagedWeights(file, wanted, room) : undefined;
}

export const formatSeconds = (seconds: number): string =>
  seconds < 1 ? 'a second or less' : `${Math.round(seconds)} s`;

/** Describes a load of weights that are larger than the memory, with an estimate. */
export function describePaged(path: string, room: MemoryRoom): string {
  const file = inspectModelFile(path);
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return (
    `the model is larger than the memory: weights of ${gib(file.weightBytes)}, and ${gib(room.bytes)} ${room.cause}. ` +
    `They are read from the disk at every pass, at 1 GB a second about ${formatSeconds(estimatePagedSeconds(file))} for each token. ` +
    'A smaller quantisation avoids this'
  );
}
