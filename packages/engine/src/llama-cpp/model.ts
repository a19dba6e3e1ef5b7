import { statSync } from 'node:fs';
import type { RowPosition } from '../decode/grid-positions.ts';
import { FIRST_PICTURE_ROW } from '../decode/picture-rows.ts';
import type { ControlToken } from '../decode/text/literal-text.ts';
import type { PromptVocabulary } from '../decode/text/prompt-vocabulary.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { PairVocabulary } from '../process/pair-tokens.ts';
import { describeDataLimit, readDataLimit } from './device/memory.ts';
import { addressOf, allocateNative, viewFloats } from './device/native-memory.ts';
import { ALL_LAYERS, keepOnCpu, layOutTensorSplit, type Placement, patternOfCpuTensors } from './device/placement.ts';
import { createLayerCapture, type LayerCapture } from './layer-capture.ts';
import type { LlamaLibrary, Pointer, StructFields } from './library.ts';
import type { KvType } from './numeric-class.ts';
import { createPooledContext, type PooledContext, type PooledContextOptions } from './pooled-context.ts';
import { useReference } from './reference-kernels.ts';

export interface LlamaVocabulary extends PromptVocabulary, PairVocabulary {
  readonly size: number;
  isEnd(token: number): boolean;
  /** The token's bytes as they appear in text; control tokens have none. */
  bytesOf(token: number): Uint8Array;
}

export interface LlamaContextOptions {
  /** Positions per sequence. */
  readonly contextSize: number;
  readonly sequences: number;
  readonly threads: number;
  /** Rows per call at most. */
  readonly batchSize: number;
  /** Asked about every node of every pass; see layer-capture.ts. */
  readonly capture?: Pick<LayerCapture, 'callback' | 'release'> | undefined;
  readonly kvType?: KvType;
  readonly valueType?: KvType | undefined;
  readonly flashAttention?: boolean;
  readonly kvUnified?: boolean;
  /** f32[embedding] of a picture row; without it only tokens are taken. */
  readonly pictureRow?: ((id: number) => Float32Array) | undefined;
  /** Whether a picture row has a position in time, line and column (M-RoPE). Default: one position, as a token. */
  readonly hasGrids?: boolean;
}

/** One decode row. */
export interface LlamaContext {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batchSize: number;
  /**
   * Adds a row to the next decode, which holds tokens alone or picture rows alone. @throws RangeError on a token, position or sequence out of bounds.
   */
  add(token: number, position: number, sequence: number, cell?: Pick<RowPosition, 'line' | 'column'>): void;
  /**
   * Runs the rows that were added. With `outputs` every row yields logits and a hidden state; without, none does.
   * @throws EngineError('engine-crashed') on a return code other than 0.
   */
  decode(outputs: boolean): void;
  /** f32[rows, vocabulary] of the last decode, natural log scale, unnormalised; llama.cpp's memory, valid until the next. */
  logits(): Float32Array;
  /** f32[rows, embedding]: LM-head inputs of the last decode; valid until the next. */
  hidden(): Float32Array;
  /** Bit-exact reference kernels for the following decodes. @throws EngineError if the build lacks them. */
  useReference(on: boolean): void;
  /**
   * Forgets a sequence's positions from `from` up to but not with `to`.
   * @throws EngineError if the model is recurrent, and the sequence has positions before `from`.
   */
  remove(sequence: number, from?: number, to?: number): void;
  clear(): void;
  free(): void;
}

export interface LlamaModel {
  readonly vocabulary: LlamaVocabulary;
  readonly embeddingSize: number;
  readonly layers: number;
  readonly trainContext: number;
  readonly hasReference: boolean;
  /** Its state holds a whole sequence: single positions of it cannot be forgotten. */
  readonly isRecurrent: boolean;
  /** For a context made with it. */
  createCapture(): LayerCapture;
  createContext(options: LlamaContextOptions): LlamaContext;
  /** One vector for each pass, in place of logits. */
  createPooledContext(options: PooledContextOptions): PooledContext;
  free(): void;
}

const POOLING_NONE = 0;
const FLASH_ATTENTION_ON = 1;
/** Bytes that a limit of data leaves at least for a context. With less, llama.cpp may abort where a small allocation fails. */
const CONTEXT_ROOM = 56 * 2 ** 20;
/** llama.h, enum llama_load_mode. */
const LOAD_WITHOUT_MAPPING = 0;
/** ggml.h, enum ggml_type. */
const GGML_TYPES: Readonly<Record<KvType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 8 };
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

interface OpenModelOptions extends Placement {
  /** Lets ggml rearrange weights for speed; rearranged weights have no bit-exact twin. */
  readonly repack?: boolean;
  /** LoRA files, applied in this order to every context that writes. */
  readonly adapterPaths?: readonly string[];
  /** Maps the file even if the system limits the data of this process, which mapped files escape. */
  readonly pagedWeights?: boolean | undefined;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Opens a GGUF model. */
export function openLlamaModel(
  library: LlamaLibrary,
  path: string,
  {
    repack = false,
    adapterPaths = [],
    gpuLayers = ALL_LAYERS,
    expertsOnCpu,
    cpuExperts,
    tensorSplit,
    pagedWeights = false,
  }: OpenModelOptions = {},
): LlamaModel {
  const onCpu = patternOfCpuTensors({ expertsOnCpu, cpuExperts });
  const experts = onCpu === undefined ? undefined : keepOnCpu(library, onCpu);
  const split = tensorSplit && layOutTensorSplit(tensorSplit);
  const data = library.backend === 'cpu' && !pagedWeights ? readDataLimit() : undefined;
  const params: StructFields = {
    ...(library.modelDefaultParams() as StructFields),
    use_extra_bufts: repack,
    // Mapped weights would escape the limit.
    ...(data !== undefined && { load_mode: LOAD_WITHOUT_MAPPING }),
    n_gpu_layers: library.backend === 'cpu' ? 0 : gpuLayers,
    ...(experts && { tensor_buft_overrides: experts.pointer }),
    ...(split && { tensor_split: split.pointer }),
  };
  const handle: Pointer = library.modelLoad(path, params);
  if (!handle && data !== undefined && sizeOf(path) > data.limit - data.used)
    throw new EngineError('not-enough-memory', `llama.cpp could not load the weights of ${path}${describeDataLimit()}`);
  if (!handle)
    throw new EngineError(
      'unsupported-model',
      `llama.cpp could not load ${path}: not a GGUF model, damaged, or an architecture it does not know`,
    );
  if (library.modelHasEncoder(handle)) {
    library.modelFree(handle);
    throw new EngineError(
      'unsupported-model',
      `${path} is an encoder-decoder model; this engine runs models that only decode`,
    );
  }
  const adapters = loadAdapters(library, handle, adapterPaths);
  const vocabulary = createVocabulary(library, library.modelVocab(handle));
  const embeddingSize = library.modelEmbedding(handle) as number;
  const layers = library.modelLayers(handle) as number;
  const hasReference = library.setUseReference !== undefined && library.getScheduler !== undefined;
  return {
    vocabulary,
    embeddingSize,
    layers,
    trainContext: library.modelTrainContext(handle) as number,
    hasReference,
    isRecurrent: (library.modelIsRecurrent(handle) || library.modelIsHybrid(handle)) as boolean,
    createCapture: () => createLayerCapture(library, { layers, embeddingSize }),
    createContext: (options) =>
      createContext(library, handle, { vocabularySize: vocabulary.size, embeddingSize, adapters }, options),
    createPooledContext: (options) =>
      createPooledContext(library, handle, { vocabularySize: vocabulary.size, embeddingSize }, options),
    free: () => library.modelFree(handle),
  };
}

/** Freed with the model. @throws EngineError('unsupported-model') */
function loadAdapters(library: LlamaLibrary, model: Pointer, paths: readonly string[]): readonly Pointer[] {
  return paths.map((path) => {
    const adapter: Pointer = library.adapterLoad(model, path);
    if (adapter) return adapter;
    library.modelFree(model);
    throw new EngineError(
      'unsupported-model',
      `llama.cpp could not apply the adapter ${path} to this model: it is damaged, or its tensors fit another model`,
    );
  });
}

/** Each at its full scale, so that the files alone decide what is computed. */
function applyAdapters(library: LlamaLibrary, context: Pointer, adapters: readonly Pointer[]): void {
  if (adapters.length === 0) return;
  const scales = new Float32Array(adapters.length).fill(1);
  const code = library.setAdapters(context, [...adapters], adapters.length, scales) as number;
  if (code !== 0) throw new EngineError('engine-crashed', `llama.cpp refused the adapters with ${code}`);
}

function createVocabulary(library: LlamaLibrary, handle: Pointer): LlamaVocabulary {
  const size = library.vocabSize(handle) as number;
  const piece = new Uint8Array(1024);
  const assertToken = (token: number) => {
    if (!Number.isInteger(token) || token < 0 || token >= size)
      throw new RangeError(`token ${token} is outside the vocabulary of ${size}`);
  };
  return {
    size,
    bos: library.vocabBos(handle) as number,
    eos: library.vocabEos(handle) as number,
    sep: library.vocabSep(handle) as number,
    addBos: library.vocabAddBos(handle) as boolean,
    addEos: library.vocabAddEos(handle) as boolean,
    addSep: library.vocabAddSep(handle) as boolean,
    isEnd(token) {
      assertToken(token);
      return library.vocabIsEnd(handle, token) as boolean;
    },
    bytesOf(token) {
      assertToken(token);
      const length = library.tokenToPiece(handle, token, piece, piece.length, 0, false) as number;
      if (length >= 0) return piece.slice(0, length);
      const larger = new Uint8Array(-length);
      return larger.slice(0, library.tokenToPiece(handle, token, larger, larger.length, 0, false) as number);
    },
    textOf(token) {
      assertToken(token);
      return String(library.vocabText(handle, token) ?? '');
    },
    // A segment that takes hidden states has no vocabulary, and llama.cpp ends the process at a question about its words.
    controlTokens: library.vocabType(handle) === NO_VOCABULARY ? [] : listControlTokens(library, handle, size),
    tokenize(text, { addSpecial, parseSpecial }) {
      const length = Buffer.byteLength(text, 'utf8');
      if (length > MAX_TEXT_BYTES)
        throw new EngineError('prompt-too-long', `the prompt has ${length} bytes; at most ${MAX_TEXT_BYTES} are read`);
      // The call takes a C string: a NUL inside would be cut off by the conversion, so it is dropped here, visibly.
      const clean = text.includes('\0') ? text.replaceAll('\0', '') : text;
      const tokens = new Int32Array(length + 16);
      const count = library.tokenize(
        handle,
        clean,
        Buffer.byteLength(clean, 'utf8'),
        tokens,
        tokens.length,
        addSpecial,
        parseSpecial,
      ) as number;
      if (count < 0) throw new EngineError('invalid-request', `the prompt could not be tokenized (${count})`);
      return Uint32Array.from(tokens.subarray(0, count));
    },
  };
}

/** llama.h, enum llama_vocab_type. */
const NO_VOCABULARY = 0;
/** llama.h, enum llama_token_attr. */
const [UNKNOWN, CONTROL, STRIPS_BEFORE, STRIPS_AFTER] = [1, 8, 128, 256];

function listControlTokens(library: LlamaLibrary, handle: Pointer, size: number): ControlToken[] {
  const tokens: ControlToken[] = [];
  for (let id = 0; id < size; id++) {
    const attributes = library.vocabAttributes(handle, id) as number;
    if ((attributes & (CONTROL | UNKNOWN)) === 0) continue;
    const text = String(library.vocabText(handle, id) ?? '');
    const [stripsBefore, stripsAfter] = [STRIPS_BEFORE, STRIPS_AFTER].map((bit) => (attributes & bit) !== 0);
    tokens.push({ text, ...(stripsBefore && { stripsBefore }), ...(stripsAfter && { stripsAfter }) });
  }
  return tokens;
}

function createContext(
  library: LlamaLibrary,
  model: Pointer,
  {
    vocabularySize,
    embeddingSize,
    adapters,
  }: { vocabularySize: number; embeddingSize: number; adapters: readonly Pointer[] },
  options: LlamaContextOptions,
): LlamaContext {
  const {
    sequences,
    threads,
    batchSize,
    kvType = 'f16',
    valueType = kvType,
    flashAttention = true,
    kvUnified = false,
  } = options;
  // llama.cpp pads to 256 positions per sequence; asking for the padded size makes the bound below the real one.
  const perSequence = Math.ceil(options.contextSize / 256) * 256;
  const params: StructFields = {
    ...(library.contextDefaultParams() as StructFields),
    n_ctx: perSequence * sequences,
    n_batch: batchSize,
    n_ubatch: batchSize,
    n_seq_max: sequences,
    n_threads: threads,
    n_threads_batch: threads,
    embeddings: true,
    pooling_type: POOLING_NONE,
    flash_attn_type: flashAttention ? FLASH_ATTENTION_ON : 0,
    type_k: GGML_TYPES[kvType],
    type_v: GGML_TYPES[valueType],
    kv_unified: kvUnified,
    no_perf: true,
    ...(options.capture === undefined ? {} : { cb_eval: options.capture.callback }),
  };
  const data = library.backend === 'cpu' ? readDataLimit() : undefined;
  const hasRoom = data === undefined || data.limit - data.used >= CONTEXT_ROOM;
  const handle: Pointer = hasRoom ? library.contextInit(model, params) : null;
  if (!handle) {
    throw new EngineError(
      'not-enough-memory',
      `llama.cpp could not allocate a context of ${sequences} x ${perSequence} positions; use a smaller context or fewer sequences${describeDataLimit()}`,
    );
  }
  applyAdapters(library, handle, adapters);
  const memory = library.contextMemory(handle);
  const tokens = allocateNative(batchSize * 4, (b) => new Int32Array(b));
  // A pass of picture rows in grids has four positions a row: all times, all lines, all columns, and zeros.
  const positions = allocateNative(batchSize * 4 * (options.hasGrids ? 4 : 1), (b) => new Int32Array(b));
  const cells = { line: new Int32Array(batchSize), column: new Int32Array(batchSize) };
  const layCells = (count: number): void => {
    positions.view.set(cells.line.subarray(0, count), count);
    positions.view.set(cells.column.subarray(0, count), 2 * count);
    positions.view.fill(0, 3 * count, 4 * count);
  };
  const counts = allocateNative(batchSize * 4, (b) => new Int32Array(b).fill(1));
  const sequenceIds = allocateNative(batchSize * 4, (b) => new Int32Array(b));
  const flags = allocateNative(batchSize, (b) => new Int8Array(b));
  const pointers = allocateNative(batchSize * 8, (b) => new BigUint64Array(b));
  for (let i = 0; i < batchSize; i++) pointers.view[i] = sequenceIds.address + BigInt(4 * i);
  const batch = {
    n_tokens: 0,
    token: tokens.pointer as Pointer,
    embd: null as Pointer,
    pos: positions.pointer,
    n_seq_id: counts.pointer,
    seq_id: pointers.pointer,
    logits: flags.pointer,
  };
  /** Memory of a pass of picture rows, made for the first one. */
  let pictures: { readonly pointer: Pointer; readonly view: Float32Array } | undefined;
  const addPicture = (id: number): void => {
    if (options.pictureRow === undefined) throw new RangeError('this context takes no pictures');
    pictures ??= allocateNative(batchSize * embeddingSize * 4, (b) => new Float32Array(b));
    pictures.view.set(options.pictureRow(id), rows * embeddingSize);
  };
  let rows = 0;
  let isPicture = false;
  let outputRows = 0;
  let embeddingsOn = true;
  let freed = false;
  const cached = { logits: emptyCache(), hidden: emptyCache() };

  const read = (which: 'logits' | 'hidden', width: number): Float32Array => {
    if (outputRows === 0) throw new RangeError('the last decode had no outputs');
    const pointer = which === 'logits' ? library.logits(handle) : library.embeddings(handle);
    if (!pointer) throw new EngineError('engine-crashed', `llama.cpp returned no ${which}`);
    const cache = cached[which];
    const address = addressOf(pointer);
    const length = outputRows * width;
    // A view costs microseconds, the memory rarely moves: keep the largest view of it.
    if (cache.address !== address || cache.view.length < length) {
      cache.view = viewFloats(pointer, length);
      cache.address = address;
    }
    return cache.view;
  };

  return {
    contextSize: perSequence,
    sequences,
    batchSize,
    add(token, position, sequence, cell) {
      if (rows >= batchSize) throw new RangeError(`a batch holds ${batchSize} rows`);
      const isRow = token >= FIRST_PICTURE_ROW;
      if (!isRow && (!Number.isInteger(token) || token < 0 || token >= vocabularySize))
        throw new RangeError(`token ${token} is outside the vocabulary`);
      if (!Number.isInteger(position) || position < 0 || position >= perSequence)
        throw new RangeError(`position ${position} is outside the context of ${perSequence}`);
      if (!Number.isInteger(sequence) || sequence < 0 || sequence >= sequences)
        throw new RangeError(`sequence ${sequence} of ${sequences}`);
      if (rows > 0 && isRow !== isPicture) throw new RangeError('a pass holds tokens or picture rows, not both');
      isPicture = isRow;
      if (isRow) addPicture(token);
      else tokens.view[rows] = token;
      positions.view[rows] = position;
      cells.line[rows] = cell?.line ?? position;
      cells.column[rows] = cell?.column ?? position;
      sequenceIds.view[rows] = sequence;
      rows++;
    },
    decode(outputs) {
      if (rows === 0) return;
      flags.view.fill(outputs ? 1 : 0, 0, rows);
      if (embeddingsOn !== outputs) {
        library.setEmbeddings(handle, outputs);
        embeddingsOn = outputs;
      }
      batch.n_tokens = rows;
      if (isPicture && options.hasGrids) layCells(rows);
      batch.token = isPicture ? null : tokens.pointer;
      batch.embd = isPicture ? (pictures?.pointer ?? null) : null;
      outputRows = outputs ? rows : 0;
      rows = 0;
      const code = library.decode(handle, batch) as number;
      if (code !== 0) {
        outputRows = 0;
        throw new EngineError(
          'engine-crashed',
          code === 1 ? 'llama.cpp found no room in the KV cache' : `llama_decode failed with ${code}`,
          { retryable: true },
        );
      }
    },
    logits: () => read('logits', vocabularySize),
    hidden: () => read('hidden', embeddingSize),
    useReference: (on) => useReference(library, handle, on),
    remove(sequence, from = -1, to = -1) {
      // A row that stays where it should be forgotten would change what comes behind it.
      if (!library.memoryRemove(memory, sequence, from, to))
        throw new EngineError('engine-crashed', 'this model cannot forget single positions of a sequence');
    },
    clear() {
      library.memoryClear(memory, false);
    },
    free() {
      if (freed) return;
      freed = true;
      library.contextFree(handle);
      options.capture?.release();
    },
  };
}

function emptyCache(): { address: bigint; view: Float32Array } {
  return { address: 0n, view: new Float32Array(0) };
}
