import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { FileHashes } from '@ogong/models/file-hashes';
import { ModelError } from '@ogong/models/model-error';
import { type HashedFolder, hashModelFolder, type ModelFolder } from '@ogong/models/model-folder';
import type { StampedFile } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { EngineError } from '../interface/engine-error.ts';
import { type GivenMemory, toMemoryRoom } from '../llama-cpp/device/memory.ts';
import { countCores } from '../llama-cpp/device/platform.ts';
import {
  describeCpu,
  MOST_THREADS,
  ONNX_VERSION,
  type OnnxBackend,
  type OnnxClass,
  WASM_ISA,
} from './numeric-class.ts';
import { bringOnnxRuntime, findOnnxRuntime, type OnnxRuntime } from './runtime/packages.ts';

/** Choices of an operator for a folder of networks. */
export interface OnnxFolderOptions {
  /** The root that the folder must have, 32 bytes. */
  readonly modelRoot?: Uint8Array;
  /** Hashes of the files, if they are known already. */
  readonly hashes?: FileHashes;
  /** `cpu`, the native build (default), or `wasm`: slower, and every machine computes the same bits. */
  readonly backend?: OnnxBackend;
  /** Threads of the native build; the class names them. Default: one if the model is tiny, else all physical cores. */
  readonly threads?: number;
  /** Value of `threads` if it is not given and the model is not tiny. Several engines of one machine share the cores. */
  readonly cores?: number;
  /** Calls that wait at most. */
  readonly maxQueue?: number;
  /** Memory that the engine may take. Default: all that the system allows. */
  readonly availableMemory?: GivenMemory;
  /** Folder of fetched runtimes. */
  readonly engineDir?: string;
  /** Computes the root of the files. Default: that of a model folder. */
  readonly hash?: typeof hashModelFolder;
}

/** The networks of a folder, as far as class and memory depend on them. */
export interface OnnxNetworkSize {
  readonly weightType: string;
  /** Bytes of all networks. */
  readonly sizeBytes: number;
  /** Bytes of weights that become wider in memory, beside those of the files. Default: none. */
  readonly widenedBytes?: number;
}

/** Facts that the parent read of a folder. The child loads only unchanged files. */
export interface OnnxFolderLoad {
  /** The folder, absolute and without links. */
  readonly modelPath: string;
  readonly modelRoot: Uint8Array;
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

const TINY_MODEL_BYTES = 64 * 2 ** 20;
const DEFAULT_QUEUE = 32;
/** Memory of a WebAssembly module, and what the runtime itself and the values of a run need of it. */
const MOST_WASM_BYTES = 3 * 2 ** 30;
/** Memory beside the weights: values of a run and the runtime itself. */
const WORKING_BYTES = 256 * 2 ** 20;

/**
 * Checks the choices, hashes the folder and brings its runtime.
 * @throws EngineError as `openTrajectoryEngine`.
 */
export async function planOnnxFolder(
  folder: Pick<ModelFolder, 'path' | 'files'>,
  size: OnnxNetworkSize,
  options: OnnxFolderOptions,
): Promise<{ readonly load: OnnxFolderLoad; readonly hashed: HashedFolder }> {
  const { backend = 'cpu', maxQueue = DEFAULT_QUEUE } = options;
  const { engineDir = join(homedir(), '.ogong', 'engine') } = options;
  const threads = chooseThreads(options, size);
  assertRange('threads', threads, MOST_THREADS);
  assertRange('maxQueue', maxQueue, 4_096);
  assertFolderFits(size, backend, options.availableMemory);
  const hashed = await hashFolder(folder, options);
  const runtime = await bring(backend, engineDir);
  const cpu = readCpu();
  const load: OnnxFolderLoad = {
    modelPath: folder.path,
    modelRoot: hashed.modelRoot,
    files: hashed.files.map(({ path, stamp }) => ({ path, stamp })),
    own: nameClass(size, { backend, threads, cpu }),
    runtimes: [runtime, findOnnxRuntime(backend === 'cpu' ? 'wasm' : 'cpu', engineDir)].filter(
      (each) => each !== undefined,
    ),
    nativeIsa: cpu.isUnproven ? undefined : cpu.isa,
    maxQueue,
  };
  return { load, hashed };
}

const chooseThreads = (
  { backend = 'cpu', threads, cores }: OnnxFolderOptions,
  { sizeBytes }: OnnxNetworkSize,
): number => {
  if (backend === 'wasm') return 1;
  return threads ?? (sizeBytes < TINY_MODEL_BYTES ? 1 : Math.min(MOST_THREADS, cores ?? countCores()));
};

type CpuName = ReturnType<typeof describeCpu>;

/** Reads the facts that the class of the native build depends on. */
function readCpu(): CpuName {
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  return describeCpu({
    platform: process.platform,
    arch: process.arch,
    cpuinfo: existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '',
    glibc: glibcVersionRuntime,
    isHybrid: existsSync('/sys/devices/cpu_core') && existsSync('/sys/devices/cpu_atom'),
  });
}

const nameClass = (
  { weightType: weights }: OnnxNetworkSize,
  { backend, threads, cpu }: { readonly backend: OnnxBackend; readonly threads: number; readonly cpu: CpuName },
): OnnxClass =>
  backend === 'wasm'
    ? { version: ONNX_VERSION, backend, isa: WASM_ISA, threads: 1, weights, isUnproven: false }
    : { version: ONNX_VERSION, backend, ...cpu, threads, weights };

function assertRange(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new EngineError('invalid-request', `${name} is ${value}; possible are 1 to ${most}`);
}

/** Estimates the memory of a loaded model by the bytes of its files. */
export const estimateFolderMemory = ({ sizeBytes, widenedBytes = 0 }: Omit<OnnxNetworkSize, 'weightType'>): number =>
  sizeBytes + widenedBytes + WORKING_BYTES;

/** @throws EngineError('not-enough-memory'), and 'unsupported-model' for a model that WebAssembly cannot hold. */
export function assertFolderFits(
  size: Omit<OnnxNetworkSize, 'weightType'>,
  backend: OnnxBackend,
  given?: GivenMemory,
): void {
  const { sizeBytes, widenedBytes = 0 } = size;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  if (backend === 'wasm' && sizeBytes + widenedBytes > MOST_WASM_BYTES)
    throw new EngineError(
      'unsupported-model',
      `the networks need ${mib(sizeBytes + widenedBytes)}, and WebAssembly holds ${mib(MOST_WASM_BYTES)} of them; use the native build`,
    );
  const needed = estimateFolderMemory(size);
  const { bytes, cause, remedy } = toMemoryRoom(given);
  if (needed > bytes)
    throw new EngineError(
      'not-enough-memory',
      `the model needs about ${mib(needed)} of memory, ${mib(bytes)} ${cause}${remedy === undefined ? '' : `; ${remedy}`}`,
    );
}

async function hashFolder(
  folder: Pick<ModelFolder, 'path' | 'files'>,
  { modelRoot, hashes, hash = hashModelFolder }: OnnxFolderOptions,
): Promise<HashedFolder> {
  const hashed = await hash(folder, hashes).catch((cause: unknown) => {
    throw toEngineError(cause);
  });
  if (modelRoot !== undefined && toHex(hashed.modelRoot) !== toHex(modelRoot))
    throw new EngineError(
      'model-corrupt',
      `the model in ${folder.path} is not the one expected: its root is ${toHex(hashed.modelRoot)}, expected ${toHex(modelRoot)}; fetch it again`,
    );
  return hashed;
}

/** Makes an engine's error of one about the files of a model. */
export function toEngineError(cause: unknown): unknown {
  if (!(cause instanceof ModelError)) return cause;
  return new EngineError(cause.code === 'not-found' ? 'model-not-found' : 'model-corrupt', cause.message, { cause });
}

async function bring(backend: OnnxBackend, engineDir: string): Promise<OnnxRuntime> {
  try {
    return await bringOnnxRuntime(backend, engineDir);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw new EngineError(
      'unsupported-model',
      `ONNX Runtime could not be brought to ${engineDir}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
