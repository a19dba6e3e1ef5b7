import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import { ModelError } from '@ogong/models/model-error';
import {
  type HashedFolder,
  hashModelFolder,
  hashTokenizers,
  inspectModelFolder,
  type ModelFolder,
} from '@ogong/models/model-folder';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTrajectoryEngine } from '../decode/trajectory/trajectory-engine.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { TrajectoryEngine } from '../interface/trajectory.ts';
import { readAvailableMemory } from '../llama-cpp/device/memory.ts';
import { countCores } from '../llama-cpp/device/platform.ts';
import { createSupervisor, type SupervisorEvent } from '../process/supervisor.ts';
import type { OnnxTrajectoryContract, OnnxTrajectoryLoad } from './load-options.ts';
import {
  describeCpu,
  MOST_THREADS,
  ONNX_VERSION,
  type OnnxBackend,
  type OnnxClass,
  WASM_ISA,
} from './numeric-class.ts';
import { type PictureFacts, readPictureFacts } from './picture-facts.ts';
import { bringOnnxRuntime, findOnnxRuntime, type OnnxRuntime } from './runtime/packages.ts';
import { ONNX_ENVIRONMENT } from './runtime/sessions.ts';

export interface OnnxTrajectoryOptions {
  /** A model folder: `model_index.json` and its components. */
  readonly modelPath: string;
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
  /** Steps that wait at most. */
  readonly maxQueue?: number;
  /** Bytes that the engine may take. Default: the free memory of the machine. */
  readonly availableMemory?: number;
  /** Folder of fetched runtimes. */
  readonly engineDir?: string;
}

export interface OnnxTrajectoryEngine extends TrajectoryEngine {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

const TINY_MODEL_BYTES = 64 * 2 ** 20;
const DEFAULT_QUEUE = 32;
/** Memory of a WebAssembly module, and what the runtime itself and the values of a run need of it. */
const MOST_WASM_BYTES = 3 * 2 ** 30;
/** Memory beside the weights: values of a run and the runtime itself. */
const WORKING_BYTES = 256 * 2 ** 20;

/**
 * Loads a model of pictures into a supervised child process. A runtime that is missing is fetched.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file, a link), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openTrajectoryEngine(
  options: OnnxTrajectoryOptions,
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<OnnxTrajectoryEngine> {
  const { modelPath, backend = 'cpu', maxQueue = DEFAULT_QUEUE } = options;
  const { engineDir = join(homedir(), '.ogong', 'engine') } = options;
  const folder = readFolder(modelPath);
  const facts = readPictureFacts(folder);
  const threads = chooseThreads(options, facts);
  assertRange('threads', threads, MOST_THREADS);
  assertRange('maxQueue', maxQueue, 4_096);
  assertFolderFits(facts, backend, options.availableMemory);
  const hashed = await hashFolder(folder, options);
  const runtime = await bring(backend, engineDir);
  const cpu = readCpu();
  const load: OnnxTrajectoryLoad = {
    modelPath: folder.path,
    modelRoot: hashed.modelRoot,
    vocabularyHash: hashVocabulary(folder, hashed),
    files: hashed.files.map(({ path, stamp }) => ({ path, stamp })),
    own: nameClass(facts, { backend, threads, cpu }),
    runtimes: [runtime, findOnnxRuntime(backend === 'cpu' ? 'wasm' : 'cpu', engineDir)].filter(
      (each) => each !== undefined,
    ),
    nativeIsa: cpu.isUnproven ? undefined : cpu.isa,
    maxQueue,
  };
  const supervisor = await createSupervisor<OnnxTrajectoryContract>({
    load,
    onEvent: hooks.onEvent,
    environment: ONNX_ENVIRONMENT,
    child: { path: fileURLToPath(new URL('./trajectory-child.ts', import.meta.url)) },
  });
  const engine = createTrajectoryEngine({
    info: () => supervisor.info(),
    denoise: (request, signal) => supervisor.call({ kind: 'denoise', request }, signal),
    decode: (request, signal) => supervisor.call({ kind: 'decode', request }, signal),
    tokenize: (prompt) => supervisor.call({ kind: 'tokenize', prompt }),
    close: () => supervisor.close(),
  });
  return { ...engine, pid: () => supervisor.pid() };
}

const chooseThreads = (
  { backend = 'cpu', threads, cores }: OnnxTrajectoryOptions,
  { sizeBytes }: PictureFacts,
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
  { weightType: weights }: PictureFacts,
  { backend, threads, cpu }: { readonly backend: OnnxBackend; readonly threads: number; readonly cpu: CpuName },
): OnnxClass =>
  backend === 'wasm'
    ? { version: ONNX_VERSION, backend, isa: WASM_ISA, threads: 1, weights, isUnproven: false }
    : { version: ONNX_VERSION, backend, ...cpu, threads, weights };

function assertRange(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new EngineError('invalid-request', `${name} is ${value}; possible are 1 to ${most}`);
}

/** Estimates the memory of a loaded model whose files have so many bytes. */
export const estimateFolderMemory = (sizeBytes: number): number => sizeBytes + WORKING_BYTES;

/** A first look at a model folder. @throws EngineError if it is none, or none that the engine runs. */
export const inspectPictureFolder = (path: string): PictureFacts => readPictureFacts(readFolder(path));

/** @throws EngineError('not-enough-memory'), and 'unsupported-model' for a model that WebAssembly cannot hold. */
export function assertFolderFits(
  { sizeBytes }: Pick<PictureFacts, 'sizeBytes'>,
  backend: OnnxBackend,
  available = readAvailableMemory(),
): void {
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  if (backend === 'wasm' && sizeBytes > MOST_WASM_BYTES)
    throw new EngineError(
      'unsupported-model',
      `the networks have ${mib(sizeBytes)}, and WebAssembly holds ${mib(MOST_WASM_BYTES)} of them; use the native build`,
    );
  const needed = estimateFolderMemory(sizeBytes);
  if (needed > available)
    throw new EngineError(
      'not-enough-memory',
      `the model needs about ${mib(needed)} of memory, ${mib(available)} are available`,
    );
}

function readFolder(path: string): ModelFolder {
  try {
    return inspectModelFolder(path);
  } catch (cause) {
    throw toEngineError(cause);
  }
}

async function hashFolder(folder: ModelFolder, { modelRoot, hashes }: OnnxTrajectoryOptions): Promise<HashedFolder> {
  const hashed = await hashModelFolder(folder, hashes).catch((cause: unknown) => {
    throw toEngineError(cause);
  });
  if (modelRoot !== undefined && toHex(hashed.modelRoot) !== toHex(modelRoot))
    throw new EngineError(
      'model-corrupt',
      `the model in ${folder.path} is not the one expected: its root is ${toHex(hashed.modelRoot)}, expected ${toHex(modelRoot)}; fetch it again`,
    );
  return hashed;
}

function toEngineError(cause: unknown): unknown {
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

function hashVocabulary({ files }: ModelFolder, hashed: HashedFolder): Uint8Array {
  const hashes = hashed.files.filter((_, i) => files[i]?.endsWith('/tokenizer.json')).map(({ sha256 }) => sha256);
  return hashTokenizers(hashes);
}
