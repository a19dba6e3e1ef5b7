import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { type FolderFiles, MOST_BYTES, openFolderFiles } from '../folder-files.ts';
import { assertWholeGguf } from '../gguf/check.ts';
import type { GgufValue } from '../gguf/types.ts';
import { encodeGguf, type GgufContents, type GgufTensorSource } from '../gguf/write.ts';
import { ModelError } from '../model-error.ts';
import { openWeightFiles, type WeightFiles } from '../safetensors/weights.ts';
import { CONFIG_FILE } from '../transformers-folder.ts';
import type { ModelShape } from './model-shape.ts';
import { readModelShape } from './read-config.ts';
import { describeRope } from './rope.ts';
import { planTensors } from './tensors.ts';
import { convertTokenizer } from './tokenizer.ts';

/** The key of a converted file that names its converter. */
export const CONVERTER_KEY = 'ogong.converter';
/** This converter. Another version may write other bytes from the same files. */
export const CONVERTER = 'ogong-convert-v1';

const TOKENIZER = 'tokenizer.json';
const TOKENIZER_CONFIG = 'tokenizer_config.json';
const TEMPLATE = 'chat_template.jinja';

/** A file that was converted. */
export interface ConvertedModel {
  readonly architecture: string;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  readonly sizeBytes: number;
}

export interface ConversionOptions {
  /** Called for each piece with the bytes so far, and with all of them. */
  readonly onBytes?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Converts a folder in the layout of transformers, with weights in safetensors, into one GGUF file. Equal files give equal bytes. It needs
 * memory for the tokenizer and a few megabytes, whatever the size of the weights.
 * @param target is replaced when the whole file is there.
 * @throws ModelError `not-convertible` for a model without a converter, `corrupt`, `not-found`, `cancelled`; the file system's error.
 */
export async function convertFolder(
  folder: string,
  target: string,
  { onBytes, signal }: ConversionOptions = {},
): Promise<ConvertedModel> {
  const files = openFolderFiles(folder, (path, file) => `${path} has no ${file}, which a model in safetensors needs`);
  const config = files.readConfig(CONFIG_FILE);
  const shape = readModelShape(config, join(files.path, CONFIG_FILE));
  const tokenizer = readTokenizer(files, { config, shape });
  const weights = openWeightFiles(files);
  const draft = `${target}.part`;
  try {
    const tensors = planTensors(shape, weights);
    const metadata = new Map<string, GgufValue>([...describeModel(shape, tensors), ...tokenizer]);
    const totalBytes = sumBytes(weights);
    const written = await writeFile(
      draft,
      { metadata, tensors },
      { onBytes: (done) => onBytes?.(done, totalBytes), signal },
    );
    assertWholeGguf(draft);
    await rename(draft, target);
    return { architecture: shape.family.architecture, ...written };
  } finally {
    weights.close();
    await rm(draft, { force: true });
  }
}

const sumBytes = ({ tensors }: WeightFiles): number =>
  [...tensors.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

function readTokenizer(
  files: FolderFiles,
  { config, shape }: { readonly config: Readonly<Record<string, unknown>>; readonly shape: ModelShape },
): readonly (readonly [string, GgufValue])[] {
  const path = join(files.path, TOKENIZER);
  files.take(TOKENIZER, MOST_BYTES.tokenizer);
  const has = (file: string): boolean => existsSync(join(files.path, file));
  const readText = (file: string): string => {
    files.take(file, MOST_BYTES.config);
    return readFileSync(join(files.path, file), 'utf8');
  };
  return convertTokenizer(
    {
      ...{ config, tokenizer: readJson(path) },
      tokenizerConfig: has(TOKENIZER_CONFIG) ? files.readConfig(TOKENIZER_CONFIG) : {},
      template: has(TEMPLATE) ? readText(TEMPLATE) : undefined,
    },
    { size: shape.vocabulary, path },
  );
}

function readJson(path: string): unknown {
  try {
    return parseJson(readFileSync(path));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ModelError('corrupt', `${path}: ${cause.message}`, { cause });
  }
}

/** llama.h, enum llama_ftype, by types of tensors. */
const FILE_TYPES: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [1, 1],
  [30, 32],
]);

/** A file's name would change the bytes, so the model has no name in it. */
function describeModel(
  shape: ModelShape,
  tensors: readonly GgufTensorSource[],
): readonly (readonly [string, GgufValue])[] {
  const { architecture } = shape.family;
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const keys: Readonly<Record<string, GgufValue>> = {
    vocab_size: u32(shape.vocabulary),
    context_length: u32(shape.context),
    embedding_length: u32(shape.embedding),
    block_count: u32(shape.layers),
    feed_forward_length: u32(shape.feedForward),
    'attention.head_count': u32(shape.heads),
    'attention.head_count_kv': u32(shape.kvHeads),
    'attention.key_length': u32(shape.headSize),
    'attention.value_length': u32(shape.headSize),
    'attention.layer_norm_rms_epsilon': { type: 'f32', value: shape.epsilon },
    ...describeRope(shape),
  };
  const embeddingType = tensors.find(({ name }) => name === 'token_embd.weight')?.type ?? 0;
  return [
    ['general.architecture', text(architecture)],
    ['general.file_type', u32(FILE_TYPES.get(embeddingType) ?? 0)],
    [CONVERTER_KEY, text(CONVERTER)],
    ...Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value] as const),
  ];
}

/** Writes a file piece by piece, so that other work and Ctrl-C are handled between the pieces. */
async function writeFile(
  path: string,
  contents: GgufContents,
  { onBytes, signal }: { readonly onBytes: (sizeBytes: number) => void; readonly signal: AbortSignal | undefined },
): Promise<Omit<ConvertedModel, 'architecture'>> {
  const file = await open(path, 'w');
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for (const piece of encodeGguf(contents)) {
      if (signal?.aborted) throw new ModelError('cancelled', 'the conversion was ended');
      for (let at = 0; at < piece.length; )
        at += (await file.write(piece, at, piece.length - at, sizeBytes + at)).bytesWritten;
      hash.update(piece);
      sizeBytes += piece.length;
      onBytes(sizeBytes);
    }
    await file.sync();
    return { sha256: new Uint8Array(hash.digest()), sizeBytes };
  } finally {
    await file.close();
  }
}
