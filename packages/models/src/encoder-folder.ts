import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openFolderFiles } from './folder-files.ts';
import { readGgufHeader } from './gguf/read.ts';
import { GgufError, stringOf } from './gguf/types.ts';
import { ModelError } from './model-error.ts';
import type { OnnxFacts } from './onnx/read.ts';

const CONFIG = 'config.json';
const PREPROCESSOR = 'preprocessor_config.json';
/** The encoder and its projector: the name of the exports for transformers.js. */
export const ENCODER_NETWORK = 'onnx/vision_encoder.onnx';

/** Files that describe an encoder. */
export const ENCODER_FILES = [CONFIG, PREPROCESSOR] as const;

/** An encoder of pictures in the layout of transformers, with its network in ONNX. */
export interface EncoderFolder {
  /** Absolute, without links. */
  readonly path: string;
  /** Content of `config.json`, which describes the whole model. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Content of `preprocessor_config.json`. */
  readonly preprocessor: Readonly<Record<string, unknown>>;
  readonly onnx: OnnxFacts;
  /** Bytes of the network. */
  readonly sizeBytes: number;
  /** Files that an engine reads, relative to the folder, in ascending order. */
  readonly files: readonly string[];
}

/** Value of `general.architecture` in every projector. */
export const PROJECTOR_ARCHITECTURE = 'clip';

/** Returns whether a path is a GGUF file with a projector. A file that cannot be read is none. */
export function isProjectorFile(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    return stringOf(readGgufHeader(path).metadata, 'general.architecture') === PROJECTOR_ARCHITECTURE;
  } catch (cause) {
    if (cause instanceof GgufError) return false;
    throw cause;
  }
}

/** Returns whether a path is a folder with an encoder of pictures. A model of the language may lie beside the encoder's files. */
export function isEncoderFolder(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  return lstatSync(join(path, ENCODER_NETWORK), { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * Finds the files of an encoder and reads the small ones (docs/spec/model-folder.md). Links are refused.
 * @throws ModelError `not-found` for a missing file, `corrupt` for a file of another form.
 */
export function inspectEncoderFolder(folder: string): EncoderFolder {
  const reader = openFolderFiles(folder, explainMissing);
  const config = reader.readConfig(CONFIG);
  const preprocessor = reader.readConfig(PREPROCESSOR);
  const { onnx, sizeBytes } = reader.takeNetwork(ENCODER_NETWORK);
  const { path, files } = reader;
  return { path, config, preprocessor, onnx, sizeBytes, files: files.sort() };
}

/**
 * Finds the language model that lies beside an encoder: a GGUF file, or the first one of a split model.
 * @throws ModelError('bad-reference') if there is none, or more than one.
 */
export function findLanguageModel(folder: string): string {
  const names = readdirSync(folder)
    .filter((name) => /\.gguf$/i.test(name) && !/mmproj/i.test(name))
    .filter((name) => Number(/-(\d{5})-of-\d{5}\.gguf$/.exec(name)?.[1] ?? 1) === 1)
    .sort();
  const [name] = names;
  if (name !== undefined && names.length === 1) return join(folder, name);
  const found = names.length === 0 ? 'no GGUF file' : `several GGUF files (${names.join(', ')})`;
  throw new ModelError(
    'bad-reference',
    `${folder} has ${found} beside the encoder; name the language model, and this folder as its encoder (--mmproj)`,
  );
}

function explainMissing(path: string, file: string): string {
  const problem = `${path} has no ${file}`;
  return file === ENCODER_NETWORK
    ? `${problem}; an encoder of pictures is a folder with ${CONFIG}, ${PREPROCESSOR} and ${ENCODER_NETWORK}`
    : `${problem}, which an encoder of pictures needs; fetch the model again`;
}
