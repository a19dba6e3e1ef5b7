import { homedir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { bringGpuBuild } from '@ogong/engine/llama-cpp/device/gpu-build';
import { inspectBackends } from '@ogong/engine/llama-cpp/device/inspect-machine';
import { ENGINE_DEFAULTS, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import type { Backend, GpuBackend } from '@ogong/engine/llama-cpp/library';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { isModelFolder } from '@ogong/models/model-folder';
import { isOnnxModel } from '@ogong/models/onnx-model';

/** `auto` takes the back end that is likely the fastest, for each model by itself. */
export type BackendSetting = Backend | 'auto';

type BackendChoice = Pick<ReturnType<typeof inspectBackends>, 'order' | 'why'>;

/** The back end of one model, and the reason. */
export interface TakenBackend {
  readonly backend: Backend;
  /** Undefined if the operator named the back end. */
  readonly why?: string;
}

interface BackendWishes {
  readonly backend?: BackendSetting | undefined;
  readonly kernels?: NonNullable<LlamaEngineOptions['kernels']> | undefined;
  /** Whether pictures stand before the text. */
  readonly hasEncoder: boolean;
  /** Whether the hidden states of a model that writes become vectors. Default: no. */
  readonly isPooled?: boolean;
}

export interface BackendSources {
  /** Chooses among the back ends of the machine. Default: looks at it, once for each process. */
  readonly inspect?: () => BackendChoice;
  /** Fetches the build of a GPU. */
  readonly bring?: (backend: GpuBackend) => Promise<unknown>;
}

const ENGINE_DIRECTORY = join(homedir(), '.ogong', 'engine');
/** Kernels that are defined on the CPU alone. */
const CPU_KERNELS: readonly string[] = ['tiled', 'single', 'reference'];

let inspected: BackendChoice | undefined;
const inspectOnce = (): BackendChoice => {
  inspected ??= inspectBackends(ENGINE_DIRECTORY);
  return inspected;
};

/**
 * Lists the back ends for a model, the best first. Only the header of its file is read.
 * @throws EngineError for a file that is no model.
 */
export function rankBackends(
  path: string,
  { backend = ENGINE_DEFAULTS.backend, kernels = ENGINE_DEFAULTS.kernels, hasEncoder, isPooled = false }: BackendWishes,
  { inspect = inspectOnce }: BackendSources = {},
): readonly TakenBackend[] {
  if (backend !== 'auto') return [{ backend }];
  const onlyCpu = findCpuReason(path, { kernels, isPooled });
  if (onlyCpu !== undefined) return [{ backend: 'cpu', why: onlyCpu }];
  const { order, why } = inspect();
  const refused: string[] = [];
  const ranked = order.filter((each) => {
    const reason = findVulkanReason(each, path, { kernels, hasEncoder });
    if (reason !== undefined) refused.push(reason);
    return reason === undefined;
  });
  // Its engine then says what is missing.
  if (ranked.length === 0) return [{ backend: 'cpu', why }];
  return ranked.map((each) =>
    each.backend === 'cpu' && refused.length > 0 ? { ...each, why: refused.join('; ') } : each,
  );
}

/** Errors after which `auto` tries the next back end: a card without room, a driver that crashes, a model that it cannot compute. */
const NEXT: readonly string[] = ['not-enough-memory', 'unsupported-model', 'engine-crashed'];

/**
 * Opens a model on the first back end that can be used. A named back end is the only one.
 * @param open opens it on one back end, whose reason names the failures of those before.
 * @throws EngineError of the last one.
 */
export async function openOnBackend<E>(
  ranked: readonly TakenBackend[],
  open: (taken: TakenBackend) => Promise<E>,
  { bring = (backend) => bringGpuBuild(backend, ENGINE_DIRECTORY) }: BackendSources = {},
): Promise<E> {
  const failed: string[] = [];
  for (const [index, taken] of ranked.entries()) {
    const { backend } = taken;
    const isLast = index === ranked.length - 1;
    if (backend !== 'cpu' && taken.why !== undefined && !isLast) {
      try {
        await bring(backend);
      } catch (error) {
        failed.push(`the ${backend} build of llama.cpp could not be brought: ${(error as Error).message}`);
        continue;
      }
    }
    try {
      return await open(failed.length === 0 ? taken : { ...taken, why: failed.join('; ') });
    } catch (error) {
      if (isLast || !(error instanceof EngineError) || !NEXT.includes(error.code)) throw error;
      failed.push(`${backend}: ${error.message}`);
    }
  }
  throw new TypeError('a model without a back end');
}

/** Returns why no GPU computes a model with these kernels; undefined if one may. */
function findCpuReason(
  path: string,
  { kernels, isPooled }: { readonly kernels: string; readonly isPooled: boolean },
): string | undefined {
  if (isModelFolder(path) || isOnnxModel(path)) return 'a model of ONNX files is computed on the CPU';
  if (isPooled || inspectModelFile(path).poolingCode !== undefined) return 'embeddings are computed on the CPU';
  return CPU_KERNELS.includes(kernels) ? `the kernels ${kernels} are those of a CPU` : undefined;
}

/** Returns why a Vulkan device cannot compute a model in its exact class; undefined if it can, and for other back ends. */
function findVulkanReason(
  { backend }: TakenBackend,
  path: string,
  { kernels, hasEncoder }: Required<Pick<BackendWishes, 'kernels' | 'hasEncoder'>>,
): string | undefined {
  if (backend !== 'vulkan' || kernels === 'plain' || kernels === 'fast') return undefined;
  if (hasEncoder) return 'the exact kernels of a Vulkan device take no pictures';
  return inspectModelFile(path).stateBytesPerSequence > 0
    ? 'the exact kernels of a Vulkan device run no recurrent layers'
    : undefined;
}
