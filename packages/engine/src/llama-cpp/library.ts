import koffi, { type LibraryHandle } from 'koffi';
import { EngineError } from '../interface/engine-error.ts';
import { chooseCpuLibrary, runsHere } from './device/cpu-library.ts';
import { LLAMA_VERSION, type LlamaBuild } from './device/platform.ts';

/**
 * The one place that knows llama.cpp's memory layout: structures and functions of release 0.5.0, as prebuilt in
 * node-llama-cpp 3.22.1 (include/llama.h, ggml/include/ggml-backend.h). `assertLayout` refuses any other.
 */

const POINTER = 'void *';

const modelParams = koffi.struct('llama_model_params', {
  devices: POINTER,
  tensor_buft_overrides: POINTER,
  n_gpu_layers: 'int32',
  split_mode: 'int32',
  load_mode: 'int32',
  lazy_mode: 'int32',
  main_gpu: 'int32',
  tensor_split: POINTER,
  progress_callback: POINTER,
  progress_callback_user_data: POINTER,
  kv_overrides: POINTER,
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
});

const contextParams = koffi.struct('llama_context_params', {
  n_ctx: 'uint32',
  n_batch: 'uint32',
  n_ubatch: 'uint32',
  n_seq_max: 'uint32',
  n_rs_seq: 'uint32',
  n_outputs_max: 'uint32',
  n_outputs_max_per_seq: 'uint32',
  n_threads: 'int32',
  n_threads_batch: 'int32',
  ctx_type: 'int32',
  rope_scaling_type: 'int32',
  pooling_type: 'int32',
  attention_type: 'int32',
  flash_attn_type: 'int32',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32',
  defrag_thold: 'float',
  cb_eval: POINTER,
  cb_eval_user_data: POINTER,
  type_k: 'int32',
  type_v: 'int32',
  abort_callback: POINTER,
  abort_callback_data: POINTER,
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: POINTER,
  n_samplers: 'size_t',
  ctx_other: POINTER,
});

const quantizeParams = koffi.struct('llama_model_quantize_params', {
  nthread: 'int32',
  ftype: 'int32',
  output_tensor_type: 'int32',
  token_embedding_type: 'int32',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: POINTER,
  kv_overrides: POINTER,
  tt_overrides: POINTER,
  prune_layers: POINTER,
  max_buf_size: 'size_t',
});

koffi.struct('llama_batch', {
  n_tokens: 'int32',
  token: POINTER,
  embd: POINTER,
  pos: POINTER,
  n_seq_id: POINTER,
  seq_id: POINTER,
  logits: POINTER,
});

/** ggml-backend.h, ggml_backend_sched_eval_callback. */
const evaluate = koffi.proto('bool ggml_backend_sched_eval_callback(void *tensor, bool ask, void *user_data)');

const setUseRef = koffi.proto('void ggml_backend_cpu_set_use_ref(void *backend, bool use_ref)');

/** An opaque pointer of the native side; null where a call failed. */
export type Pointer = unknown;

/** A native call. Each caller casts its result. */
export type NativeFunction = (...args: readonly unknown[]) => unknown;

export type StructFields = Record<string, number | bigint | boolean | Pointer>;

export type LlamaLibrary = ReturnType<typeof bindFunctions> & {
  /** Switches the reference kernels of one CPU back end; undefined if this build does not export it. */
  readonly setUseReference: ((backend: Pointer, on: boolean) => void) | undefined;
  readonly getScheduler: ((context: Pointer) => Pointer) | undefined;
  /** Name of the kernels in the numeric class: the CPU library, or device and driver. */
  readonly isa: string;
  readonly backend: Backend;
  readonly release: string;
  /** Reads the free memory of the GPU, or of all that this process shows, in bytes; undefined on the CPU. */
  readonly readGpuMemory: (() => number) | undefined;
};

export type GpuBackend = 'vulkan' | 'cuda' | 'metal';
export type Backend = 'cpu' | GpuBackend;

/** The computing device and its driver: both decide the last bit of a logit. */
export interface GpuDevice {
  readonly backend: GpuBackend;
  readonly index: number;
  /** e.g. `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** e.g. `Mesa 22.3.6 (LLVM 15.0.6)`. */
  readonly driver: string;
  /** The kind, if the back end reports it. */
  readonly kind?: 'integrated' | 'discrete' | 'virtual' | 'software' | 'unknown';
}

/** The device's part of the numeric class: `<device>-<driver>`, in the class's alphabet. */
export const nameDeviceClass = ({ name, driver }: Pick<GpuDevice, 'name' | 'driver'>): string =>
  `${sanitise(name)}-${sanitise(driver)}`;

const sanitise = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, 44) || 'unknown';

function bindFunctions(libraries: Record<'base' | 'ggml' | 'llama', LibraryHandle>) {
  const llama = (definition: string): NativeFunction => libraries.llama.func(definition);
  const ggml = (definition: string): NativeFunction => libraries.ggml.func(definition);
  const base = (definition: string): NativeFunction => libraries.base.func(definition);
  return {
    version: llama('const char *llama_version()'),
    backendInit: llama('void llama_backend_init()'),
    logSet: llama('void llama_log_set(void *callback, void *user_data)'),
    modelDefaultParams: llama('llama_model_params llama_model_default_params()'),
    contextDefaultParams: llama('llama_context_params llama_context_default_params()'),
    quantizeDefaultParams: llama('llama_model_quantize_params llama_model_quantize_default_params()'),
    modelLoad: llama('void *llama_model_load_from_file(const char *path, llama_model_params params)'),
    modelFree: llama('void llama_model_free(void *model)'),
    adapterLoad: llama('void *llama_adapter_lora_init(void *model, const char *path)'),
    modelVocab: llama('void *llama_model_get_vocab(void *model)'),
    modelEmbedding: llama('int32 llama_model_n_embd(void *model)'),
    modelLayers: llama('int32 llama_model_n_layer(void *model)'),
    modelTrainContext: llama('int32 llama_model_n_ctx_train(void *model)'),
    modelIsHybrid: llama('bool llama_model_is_hybrid(void *model)'),
    modelIsRecurrent: llama('bool llama_model_is_recurrent(void *model)'),
    modelHasEncoder: llama('bool llama_model_has_encoder(void *model)'),
    vocabType: llama('int32 llama_vocab_type(void *vocab)'),
    vocabSize: llama('int32 llama_vocab_n_tokens(void *vocab)'),
    vocabText: llama('const char *llama_vocab_get_text(void *vocab, int32 token)'),
    vocabAttributes: llama('int32 llama_vocab_get_attr(void *vocab, int32 token)'),
    vocabIsControl: llama('bool llama_vocab_is_control(void *vocab, int32 token)'),
    vocabIsEnd: llama('bool llama_vocab_is_eog(void *vocab, int32 token)'),
    vocabBos: llama('int32 llama_vocab_bos(void *vocab)'),
    vocabEos: llama('int32 llama_vocab_eos(void *vocab)'),
    vocabSep: llama('int32 llama_vocab_sep(void *vocab)'),
    vocabAddBos: llama('bool llama_vocab_get_add_bos(void *vocab)'),
    vocabAddEos: llama('bool llama_vocab_get_add_eos(void *vocab)'),
    vocabAddSep: llama('bool llama_vocab_get_add_sep(void *vocab)'),
    tokenize: llama(
      'int32 llama_tokenize(void *vocab, const char *text, int32 length, _Out_ int32 *tokens, int32 max, bool add_special, bool parse_special)',
    ),
    tokenToPiece: llama(
      'int32 llama_token_to_piece(void *vocab, int32 token, _Out_ uint8 *buffer, int32 length, int32 lstrip, bool special)',
    ),
    contextInit: llama('void *llama_init_from_model(void *model, llama_context_params params)'),
    contextFree: llama('void llama_free(void *context)'),
    setAdapters: llama('int32 llama_set_adapters_lora(void *context, void **adapters, size_t count, float *scales)'),
    contextMemory: llama('void *llama_get_memory(void *context)'),
    contextSize: llama('uint32 llama_n_ctx(void *context)'),
    setEmbeddings: llama('void llama_set_embeddings(void *context, bool on)'),
    decode: llama('int32 llama_decode(void *context, llama_batch batch)'),
    logits: llama('void *llama_get_logits(void *context)'),
    embeddings: llama('void *llama_get_embeddings(void *context)'),
    embeddingsOfSequence: llama('void *llama_get_embeddings_seq(void *context, int32 sequence)'),
    memoryClear: llama('void llama_memory_clear(void *memory, bool data)'),
    memoryRemove: llama('bool llama_memory_seq_rm(void *memory, int32 sequence, int32 from, int32 to)'),
    quantize: llama(
      'uint32 llama_model_quantize(const char *source, const char *target, const llama_model_quantize_params *params)',
    ),
    backendLoad: ggml('void *ggml_backend_load(const char *path)'),
    backendLoadAll: ggml('void ggml_backend_load_all_from_path(const char *directory)'),
    registryDevices: base('size_t ggml_backend_reg_dev_count(void *registry)'),
    registryDevice: base('void *ggml_backend_reg_dev_get(void *registry, size_t index)'),
    deviceMemory: base('void ggml_backend_dev_memory(void *device, _Out_ size_t *free, _Out_ size_t *total)'),
    deviceByType: ggml('void *ggml_backend_dev_by_type(int32 type)'),
    deviceRegistry: base('void *ggml_backend_dev_backend_reg(void *device)'),
    registryProc: base('void *ggml_backend_reg_get_proc_address(void *registry, const char *name)'),
    schedulerBackendCount: base('int32 ggml_backend_sched_get_n_backends(void *scheduler)'),
    schedulerBackend: base('void *ggml_backend_sched_get_backend(void *scheduler, int32 index)'),
    backendName: base('const char *ggml_backend_name(void *backend)'),
    cpuBufferType: base('void *ggml_backend_cpu_buffer_type()'),
    tensorName: base('const char *ggml_get_name(void *tensor)'),
    tensorBytes: base('size_t ggml_nbytes(void *tensor)'),
    tensorRead: base('void ggml_backend_tensor_get(void *tensor, _Out_ float *data, size_t offset, size_t size)'),
    tensorWrite: base('void ggml_backend_tensor_set(void *tensor, const float *data, size_t offset, size_t size)'),
  };
}

let loaded: { readonly key: string; readonly library: LlamaLibrary } | undefined;

/**
 * Loads llama.cpp with one CPU back end and, of a build that has it, that of a GPU. ggml keeps global registries, and a
 * second build would bind to the symbols of the first: a process holds one.
 * @param isa a library's name, `auto` or `native`: see cpu-library.ts.
 * @param device the one that the child's environment shows (text-supervisor.ts); needs a build with that back end.
 * @throws EngineError if the build is another release, the ISA or the device does not run here, or another build is loaded.
 */
export function loadLlama(build: LlamaBuild, isa: string, device?: GpuDevice): LlamaLibrary {
  const key = JSON.stringify([build.directory, isa, device ?? null]);
  if (loaded !== undefined && loaded.key !== key)
    throw new EngineError('unsupported-model', `this process has loaded another llama.cpp (${loaded.key}, not ${key})`);
  loaded ??= { key, library: bindLlama(build, isa, device) };
  return loaded.library;
}

function bindLlama(build: LlamaBuild, isa: string, device: GpuDevice | undefined): LlamaLibrary {
  const base = koffi.load(build.base, { global: true });
  const ggml = koffi.load(build.ggml, { global: true });
  const llama = koffi.load(build.llama, { global: true });
  const functions = bindFunctions({ base, ggml, llama });
  // Any function that ignores its arguments and returns will do as a silent logger; a JS callback may be called off-thread.
  functions.logSet(llama.symbol('llama_supports_mmap'), null);
  const version = String(functions.version());
  const chosen = loadCpuBackend(build, functions, isa);
  assertLayout(functions, version);
  const registry = device && loadGpuBackend(build, functions, device);
  functions.backendInit();
  const named: Pick<LlamaLibrary, 'isa' | 'backend'> =
    device === undefined ? { isa: chosen, backend: 'cpu' } : { isa: nameDeviceClass(device), backend: device.backend };
  const readGpuMemory = device === undefined ? undefined : () => sumFreeMemory(functions, registry);
  return { ...functions, ...bindReference(functions, llama), ...named, release: version, readGpuMemory };
}

function sumFreeMemory(functions: ReturnType<typeof bindFunctions>, registry: Pointer): number {
  let bytes = 0;
  for (let index = 0; index < Number(functions.registryDevices(registry)); index++) {
    const [free, total] = [[0], [0]];
    functions.deviceMemory(functions.registryDevice(registry, index), free, total);
    bytes += Number(free[0]);
  }
  return bytes;
}

function loadGpuBackend(
  build: LlamaBuild,
  functions: ReturnType<typeof bindFunctions>,
  { backend, index, name }: GpuDevice,
): Pointer {
  const registry = backend === 'metal' ? loadMetal(build, functions) : build.gpu && functions.backendLoad(build.gpu);
  if (!registry || Number(functions.registryDevices(registry)) === 0)
    throw new EngineError('unsupported-model', `ggml's ${backend} back end could not open device ${index}, ${name}`);
  return registry;
}

/** ggml-backend.h, GGML_BACKEND_DEVICE_TYPE_GPU. */
const GPU_DEVICE = 1;

/** The build of an Apple chip brings its own Metal back end. @returns its registry; null if the build has none. */
function loadMetal(build: LlamaBuild, functions: ReturnType<typeof bindFunctions>): Pointer {
  if (build.cpuLibraries.size > 0) functions.backendLoadAll(build.directory);
  const device = functions.deviceByType(GPU_DEVICE);
  return device ? functions.deviceRegistry(device) : null;
}

function loadCpuBackend(build: LlamaBuild, functions: ReturnType<typeof bindFunctions>, isa: string): string {
  if (build.cpuLibraries.size === 0) {
    functions.backendLoadAll(build.directory);
    return process.arch;
  }
  const scores = scoreCpuLibraries(build);
  const chosen = chooseCpuLibrary(isa, scores);
  const path = build.cpuLibraries.get(chosen);
  if (path === undefined || !runsHere(chosen, scores)) {
    const usable = [...scores.keys()]
      .filter((name) => runsHere(name, scores))
      .sort()
      .join(', ');
    throw new EngineError(
      'unsupported-model',
      `this machine cannot run the CPU library '${chosen}'; it can run ${usable}`,
    );
  }
  if (!functions.backendLoad(path)) throw new EngineError('unsupported-model', `${path} could not be loaded`);
  return chosen;
}

/** Returns ggml's score of each CPU library of a build: above 0 if it runs on this machine, more if it is faster. */
export function scoreCpuLibraries({ cpuLibraries }: Pick<LlamaBuild, 'cpuLibraries'>): ReadonlyMap<string, number> {
  return new Map([...cpuLibraries].map(([name, path]) => [name, scoreCpuLibrary(path)]));
}

function scoreCpuLibrary(path: string): number {
  try {
    return koffi.load(path).func('int ggml_backend_score()')() as number;
  } catch {
    return 0;
  }
}

function bindReference(functions: ReturnType<typeof bindFunctions>, llama: LibraryHandle) {
  const CPU_DEVICE = 0;
  const device = functions.deviceByType(CPU_DEVICE);
  const proc = device ? functions.registryProc(functions.deviceRegistry(device), 'ggml_backend_cpu_set_use_ref') : null;
  let getScheduler: ((context: Pointer) => Pointer) | undefined;
  try {
    // llama_context::get_sched() const; not in the C API, so it may be missing under another compiler's mangling.
    getScheduler = llama.func('_ZNK13llama_context9get_schedEv', POINTER, [POINTER]);
  } catch {
    getScheduler = undefined;
  }
  return {
    setUseReference: proc ? (koffi.decode(proc, setUseRef) as (backend: Pointer, on: boolean) => void) : undefined,
    getScheduler,
  };
}

/** Sizes and default values that another release would shift: a wrong layout must never reach a native call. */
function assertLayout(functions: ReturnType<typeof bindFunctions>, version: string): void {
  const problems: string[] = [];
  const expect = (what: string, actual: unknown, wanted: unknown) => {
    if (actual !== wanted) problems.push(`${what} is ${actual}, expected ${wanted}`);
  };
  if (!version.includes(LLAMA_VERSION)) problems.push(`version is '${version}', expected ${LLAMA_VERSION}`);
  expect('sizeof model params', koffi.sizeof(modelParams), 80);
  expect('sizeof context params', koffi.sizeof(contextParams), 160);
  expect('sizeof quantize params', koffi.sizeof(quantizeParams), 64);
  const context = functions.contextDefaultParams() as StructFields;
  expect('n_ctx', context.n_ctx, 512);
  expect('n_batch', context.n_batch, 2048);
  expect('yarn_ext_factor', context.yarn_ext_factor, -1);
  expect('type_k', context.type_k, 1);
  expect('type_v', context.type_v, 1);
  const model = functions.modelDefaultParams() as StructFields;
  expect('use_extra_bufts', model.use_extra_bufts, true);
  expect('vocab_only', model.vocab_only, false);
  const quantize = functions.quantizeDefaultParams() as StructFields;
  expect('ftype', quantize.ftype, 7);
  expect('max_buf_size', Number(quantize.max_buf_size), 8 * 2 ** 30);
  if (problems.length > 0) {
    throw new EngineError(
      'unsupported-model',
      `the installed llama.cpp is not the one this program was built for: ${problems.join('; ')}`,
    );
  }
}

/**
 * A callback for a context's `cb_eval`. llama.cpp calls it on the thread that decodes. It asks for every node whether it is
 * wanted, and calls again once a wanted one is computed. The result false then ends the pass.
 */
export function registerEvaluation(callback: (tensor: Pointer, isAsking: boolean) => boolean): {
  readonly pointer: Pointer;
  readonly release: () => void;
} {
  const registered = koffi.register(callback, koffi.pointer(evaluate));
  return { pointer: registered, release: () => koffi.unregister(registered) };
}
