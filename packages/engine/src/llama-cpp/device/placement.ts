import { EngineError } from '../../interface/engine-error.ts';
import type { Backend, LlamaLibrary, Pointer } from '../library.ts';
import type { KernelPath } from '../numeric-class.ts';
import { addressOf, allocateNative } from './native-memory.ts';

/** The weights that lie on the GPU, if not all of them fit. */
export interface Placement {
  /** The last layers of the model, so many; all if it is not given. */
  readonly gpuLayers?: number | undefined;
  /** The experts of a mixture of experts stay in the processor's memory, and it computes them. */
  readonly expertsOnCpu?: boolean | undefined;
  /** The same for the first layers of the model, so many. */
  readonly cpuExperts?: number | undefined;
  /** Shares of several CUDA cards in one model, the first ones of the bus, relative to each other. */
  readonly tensorSplit?: readonly number[] | undefined;
}

/** ggml.h, GGML_CUDA_MAX_DEVICES: llama.cpp reads as many shares. */
const MAX_CARDS = 16;
/** More than any model has. */
export const ALL_LAYERS = 999;
/** Names of the tensors that hold experts, as a C++ regular expression. */
const EXPERTS = '\\.ffn_(up|down|gate|gate_up)_(ch|)exps';

/**
 * A class that is compared bit for bit says nothing of a placement, so there all weights lie on the device.
 * @throws EngineError('invalid-request')
 */
export function assertPlacement(
  { gpuLayers, expertsOnCpu = false, cpuExperts, tensorSplit }: Placement,
  { backend, kernels }: { readonly backend: Backend; readonly kernels: KernelPath },
): void {
  if ([gpuLayers, cpuExperts, tensorSplit].every((each) => each === undefined) && !expertsOnCpu) return;
  const refuse = (why: string) =>
    new EngineError(
      'invalid-request',
      `GPU layers, experts on the CPU and shares of cards are for a GPU in the class plain or fast: ${why}`,
    );
  if (backend === 'cpu') throw refuse('take another back end, such as --backend vulkan');
  if (kernels !== 'plain' && kernels !== 'fast') throw refuse(`these kernels are ${kernels}; take --kernels plain`);
  for (const layers of [gpuLayers, cpuExperts]) {
    if (layers !== undefined && !(Number.isInteger(layers) && layers >= 0 && layers <= ALL_LAYERS))
      throw refuse(`${layers} is no number of layers from 0 to ${ALL_LAYERS}`);
  }
  if (tensorSplit === undefined) return;
  if (backend !== 'cuda') throw refuse('several cards are for --backend cuda');
  if (
    tensorSplit.length < 2 ||
    tensorSplit.length > MAX_CARDS ||
    !tensorSplit.every((share) => share > 0 && share < 1e6)
  )
    throw refuse(`shares are 2 to ${MAX_CARDS} numbers above 0, one for each card, such as 3,1`);
}

/** Writes the array behind `llama_model_params.tensor_split`: a share for each card that llama.cpp knows of, 0 for those beyond. */
export function layOutTensorSplit(shares: readonly number[]): {
  readonly pointer: Pointer;
  readonly view: Float32Array;
} {
  const { pointer, view } = allocateNative(4 * MAX_CARDS, (bytes) => new Float32Array(bytes));
  view.fill(0);
  view.set(shares);
  return { pointer, view };
}

type ExpertPlacement = Pick<Placement, 'expertsOnCpu' | 'cpuExperts'>;

/** Returns the pattern of the tensors that stay on the CPU, as a C++ regular expression; undefined if there are none. */
export function patternOfCpuTensors({ expertsOnCpu = false, cpuExperts = 0 }: ExpertPlacement): string | undefined {
  if (expertsOnCpu) return EXPERTS;
  if (cpuExperts === 0) return undefined;
  const layers = Array.from({ length: cpuExperts }, (_, layer) => layer).join('|');
  return `^blk\\.(${layers})${EXPERTS}`;
}

/**
 * llama_model_tensor_buft_override[2]: pattern and buffer type, and an empty one that ends the list.
 * @returns the pointer, and the objects that must live until the model is loaded.
 */
export function keepOnCpu(
  library: LlamaLibrary,
  tensors: string,
): { readonly pointer: Pointer; readonly pattern: Pointer } {
  const text = Buffer.from(`${tensors}\0`);
  const pattern = allocateNative(text.length, (bytes) => new Uint8Array(bytes));
  pattern.view.set(text);
  const list = allocateNative(32, (bytes) => new BigUint64Array(bytes));
  list.view.set([pattern.address, addressOf(library.cpuBufferType()), 0n, 0n]);
  return { pointer: list.pointer, pattern: pattern.pointer };
}
