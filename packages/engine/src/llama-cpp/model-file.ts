import { createHash } from 'node:crypto';
import { type FileStamp, readFileStamp } from '@ogong/models/file-stamp';
import { assertWholeGguf } from '@ogong/models/gguf/check';
import { findFatalValue } from '@ogong/models/gguf/fatal-values';
import { FILE_TYPES } from '@ogong/models/gguf/file-types';
import { readGgufHeader } from '@ogong/models/gguf/read';
import {
  computeTensorBytes,
  GgufError,
  type GgufHeader,
  type GgufTensor,
  numberOf,
  stringOf,
  TENSOR_TYPES,
} from '@ogong/models/gguf/types';
import { ModelError } from '@ogong/models/model-error';
import { listShards } from '@ogong/models/model-root';
import type { FillTokens } from '../decode/text/fill-prompt.ts';
import { EngineError } from '../interface/engine-error.ts';

import type { LayerSizes } from './device/gpu-layers.ts';
import { type LayerMemory, readHeadSizes, readLayerMemory } from './device/layer-memory.ts';
import { findFillTokens } from './fill-tokens.ts';
import { isFloatType } from './numeric-class.ts';

/** Sizes of a file's weights, and of what its layers keep of a sequence. */
export interface ModelSizes {
  readonly weightBytes: number;
  /** KV cache bytes per position at f16. */
  readonly kvBytesPerPosition: number;
  /** State of recurrent layers, whatever the length of the sequence. */
  readonly stateBytesPerSequence: number;
  /** Values per head. */
  readonly keySize: number;
  readonly valueSize: number;
}

/** Facts of a model file that the engine needs before llama.cpp reads it. */
export interface ModelFacts extends ModelSizes {
  readonly path: string;
  /** Stamp of the file, or of its first shard, before its header was read. */
  readonly stamp: FileStamp;
  readonly architecture: string;
  /** The weight type by file, e.g. `q8_0`, `q4_k_m`. */
  readonly weightType: string;
  /** Whether a matrix of float weights is multiplied with, whatever `weightType` is. */
  readonly hasFloatMatrices: boolean;
  /** Whether keys and values of latent attention are made with float weights: their products change with the rows beside them. */
  readonly hasFloatLatents: boolean;
  /** Whether the rows of pictures have positions in time, line and column (M-RoPE). */
  readonly hasGrids: boolean;
  readonly trainContext: number;
  readonly embeddingSize: number;
  readonly vocabularySize: number;
  readonly vocabularyHash: Uint8Array;
  readonly chatTemplate: string | undefined;
  /** The control tokens around two texts between which the model writes; undefined if it knows none. */
  readonly fillTokens: FillTokens | undefined;
  /** llama.h, enum llama_pooling_type; undefined if the file names none. */
  readonly poolingCode: number | undefined;
  /** Scores that the file's classifier gives, if it has one. */
  readonly scoreCount: number | undefined;
  /** Meaning of each of these scores, if the file names it. */
  readonly scoreLabels: readonly string[] | undefined;
  /** The form in which a query and a document are read, if the model has one of its own. */
  readonly rerankTemplate: string | undefined;
  /** Whether a token sees only those before it, as whatever writes must; true if the file does not say. */
  readonly isCausal: boolean;
}

/**
 * Returns whether the library computes a reply of this architecture with the state of another one beside it
 * (ggml-org/llama.cpp#29002). Such answers would be wrong, not merely inexact.
 */
export const mixesNeighbours = (architecture: string): boolean => architecture.startsWith('lfm2');

/**
 * @param takesSlab whether the file may be a slab with a vocabulary, whose layers are a part of a model. Default: no.
 * @throws EngineError('model-not-found' | 'model-corrupt' | 'unsupported-model').
 */
export function inspectModelFile(path: string, { takesSlab = false } = {}): ModelFacts {
  const { header, stamp, tensors } = readWhole(path);
  const { metadata } = header;
  const architecture = stringOf(metadata, 'general.architecture');
  const tokens = metadata.get('tokenizer.ggml.tokens')?.value;
  if (architecture === undefined || !Array.isArray(tokens)) {
    throw new EngineError('unsupported-model', `${path} is no language model: it has no architecture or no vocabulary`);
  }
  if (!takesSlab && metadata.has('ogong.slab.layers'))
    throw new EngineError('unsupported-model', `${path} is a slab, a part of a model; open the whole model`);
  const fatal = findFatalValue(metadata, tensors);
  if (fatal !== undefined)
    throw new EngineError('unsupported-model', `${path}: ${fatal}; llama.cpp cannot load it, look for another file`);
  const number = (key: string): number => numberOf(metadata, `${architecture}.${key}`) ?? 0;
  return {
    path,
    stamp,
    architecture,
    ...readWeightTypes(metadata, tensors),
    hasGrids: metadata.has(`${architecture}.rope.dimension_sections`),
    hasFloatLatents: tensors.some((tensor) => LATENT.test(tensor.name) && isFloatMatrix(tensor, tensors)),
    ...readSizes(metadata, tensors),
    trainContext: number('context_length') || 2048,
    embeddingSize: number('embedding_length'),
    vocabularySize: tokens.length,
    vocabularyHash: hashVocabulary(header),
    chatTemplate: stringOf(metadata, 'tokenizer.chat_template'),
    fillTokens: findFillTokens(metadata),
    poolingCode: numberOf(metadata, `${architecture}.pooling_type`),
    scoreCount: countScores(tensors),
    scoreLabels: readTexts(metadata.get(`${architecture}.classifier.output_labels`)?.value),
    rerankTemplate: stringOf(metadata, 'tokenizer.chat_template.rerank'),
    isCausal: metadata.get(`${architecture}.attention.causal`)?.value !== false,
  };
}

/**
 * Reads the sizes of a model's layers.
 * @param isOnCpu names tensors that never lie on a card.
 * @throws EngineError as `inspectModelFile`.
 */
export function readLayerSizes(path: string, isOnCpu: (name: string) => boolean = () => false): LayerSizes {
  const { header, tensors } = readWhole(path);
  const memory = readLayerMemory(header.metadata, tensors);
  const bytes = new Map<number, number>();
  let headBytes = 0;
  const hasHead = tensors.some(({ name }) => name === 'output.weight');
  for (const tensor of tensors) {
    const size = computeTensorBytes(tensor) ?? 0;
    const layer = Number(/^blk\.(\d+)\./.exec(tensor.name)?.[1] ?? Number.NaN);
    if (isOnCpu(tensor.name)) continue;
    if (!Number.isNaN(layer)) bytes.set(layer, (bytes.get(layer) ?? 0) + size);
    // Rows of the embedding are looked up by the CPU. Without a head of its own a model multiplies with them on the card, too.
    else if (tensor.name !== 'token_embd.weight' || !hasHead) headBytes += size;
  }
  const layers = Array.from({ length: Math.max(0, ...[...memory.keys()].map((layer) => layer + 1)) }, (_, layer) => ({
    weightBytes: bytes.get(layer) ?? 0,
    ...(memory.get(layer) ?? { positionBytes: 0, sequenceBytes: 0 }),
  }));
  return { layers, headBytes };
}

/** Sizes of a file. Other tensors than those of `tensors` do not count. */
export function readSizes(metadata: GgufHeader['metadata'], tensors: readonly GgufTensor[]): ModelSizes {
  return {
    weightBytes: tensors.reduce((sum, tensor) => sum + (computeTensorBytes(tensor) ?? 0), 0),
    ...sumLayers(readLayerMemory(metadata, tensors).values()),
    ...readHeadSizes(metadata),
  };
}

/** Adds up the memory of layers. */
export function sumLayers(
  layers: Iterable<LayerMemory>,
): Pick<ModelSizes, 'kvBytesPerPosition' | 'stateBytesPerSequence'> {
  let kvBytesPerPosition = 0;
  let stateBytesPerSequence = 0;
  for (const { positionBytes, sequenceBytes } of layers) {
    kvBytesPerPosition += positionBytes;
    stateBytesPerSequence += sequenceBytes;
  }
  return { kvBytesPerPosition, stateBytesPerSequence };
}

/** Types of a file's weights. Other tensors than those of `tensors` do not count. */
export function readWeightTypes(
  metadata: GgufHeader['metadata'],
  tensors: readonly GgufTensor[],
): Pick<ModelFacts, 'weightType' | 'hasFloatMatrices'> {
  const sizes = tensors.map((tensor) => ({ type: tensor.type, bytes: computeTensorBytes(tensor) ?? 0 }));
  return {
    weightType: FILE_TYPES.get(numberOf(metadata, 'general.file_type') ?? -1) ?? dominantType(sizes),
    hasFloatMatrices: tensors.some((tensor) => isFloatMatrix(tensor, tensors)),
  };
}

/** The header of a model's file, or of its first shard, and the tensors of all of them. @throws EngineError */
function readWhole(path: string): {
  readonly header: GgufHeader;
  readonly stamp: FileStamp;
  readonly tensors: readonly GgufTensor[];
} {
  let current = path;
  try {
    const stamp = readFileStamp(path);
    const shards = listShards(path);
    const headers = shards.map((shard) => {
      current = shard;
      const header = readGgufHeader(shard);
      assertWholeGguf(shard, header);
      return header;
    });
    const [header] = headers as [GgufHeader];
    current = path;
    if (shards[0] !== path) throw new GgufError(`this is a later file of a split model; open the first: ${shards[0]}`);
    const count = numberOf(header.metadata, 'split.count') ?? 1;
    if (count !== shards.length)
      throw new GgufError(`the model is split into ${count} files, its name says ${shards.length}`);
    headers.forEach(({ metadata }, index) => {
      current = shards[index] as string;
      const number = numberOf(metadata, 'split.no') ?? 0;
      if (number !== index) throw new GgufError(`this is file ${number + 1} of the model, its name says ${index + 1}`);
    });
    return { header, stamp, tensors: headers.flatMap(({ tensors }) => tensors) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new EngineError('model-not-found', `there is no model file at ${current}`, { cause });
    if (cause instanceof ModelError) throw new EngineError('model-not-found', cause.message, { cause });
    if (cause instanceof GgufError) throw new EngineError('model-corrupt', `${current}: ${cause.message}`, { cause });
    throw cause;
  }
}

function readTexts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

/** Counts the scores of llama.cpp's classifier: a dense layer that may come first, and the layer that gives the scores. */
function countScores(tensors: readonly GgufTensor[]): number | undefined {
  const find = (name: string) => tensors.find((tensor) => tensor.name === name);
  const last = find('cls.output.weight') ?? find('cls.weight');
  return last && (last.dimensions[1] ?? 1);
}

/** Tensors that are no factor of a product of matrices: they are looked up, or applied value by value. */
const NO_FACTOR = /norm|conv|^(position_embd|token_types|token_embd)\./;
/** Vectors too are factors if they weigh an expert. */
const ROUTER = /\.ffn_gate_inp/;

/** One matrix for each head. */
const LATENT = /\.attn_[kv]_b\.weight$/;

function isFloatMatrix({ name, type, dimensions }: GgufTensor, tensors: readonly GgufTensor[]): boolean {
  if (!name.endsWith('.weight') || !isFloatType(TENSOR_TYPES.get(type)?.name ?? '')) return false;
  // The head, if the file has no other.
  if (name === 'token_embd.weight') return !tensors.some((tensor) => tensor.name === 'output.weight');
  return ROUTER.test(name) || (dimensions.length > 1 && !NO_FACTOR.test(name));
}

function dominantType(sizes: readonly { type: number; bytes: number }[]): string {
  const byType = new Map<number, number>();
  for (const { type, bytes } of sizes) byType.set(type, (byType.get(type) ?? 0) + bytes);
  const [largest = 0] = [...byType].sort((a, b) => b[1] - a[1])[0] ?? [];
  return TENSOR_TYPES.get(largest)?.name ?? `type${largest}`;
}

/**
 * Returns SHA-256 over `ogong-vocabulary-v1\n`, u32be count, and per token u32be type, u32be length, UTF-8 text, as the GGUF file
 * lists them. Two tokenizers with the same hash give every id the same meaning.
 */
function hashVocabulary({ metadata }: GgufHeader): Uint8Array {
  const tokens = (metadata.get('tokenizer.ggml.tokens')?.value ?? []) as readonly string[];
  const types = (metadata.get('tokenizer.ggml.token_type')?.value ?? []) as readonly number[];
  const hash = createHash('sha256').update('ogong-vocabulary-v1\n').update(u32(tokens.length));
  tokens.forEach((token, id) => {
    const bytes = Buffer.from(token, 'utf8');
    hash
      .update(u32(types[id] ?? 0))
      .update(u32(bytes.length))
      .update(bytes);
  });
  return new Uint8Array(hash.digest());
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
