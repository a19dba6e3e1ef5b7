import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { computeFolderRoot } from '@ogong/protocol/commitment/folder-root';
import { type FileHashes, hashFile } from './file-hashes.ts';
import { isSameStamp, readFileStamp } from './file-stamp.ts';
import { listComponentFiles, listComponents, TOKENIZER_PARTS } from './folder-components.ts';
import { MOST_BYTES, openFolderFiles, refuseLink } from './folder-files.ts';
import { ModelError } from './model-error.ts';
import type { StampedFile } from './model-root.ts';
import type { OnnxFacts } from './onnx/read.ts';

/** The file that makes a folder a model folder. */
export const MODEL_INDEX = 'model_index.json';

/** Bytes of all files of a folder at most. */
export const MOST_TOTAL_BYTES = 2 ** 37;

export interface FolderComponent {
  readonly name: string;
  /** Content of `config.json`, `scheduler_config.json` or `tokenizer_config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Facts of `model.onnx`; undefined for a scheduler or a tokenizer. */
  readonly onnx: OnnxFacts | undefined;
  /** Bytes of all files. */
  readonly sizeBytes: number;
}

/** A model in the layout of diffusers whose networks are ONNX files. */
export interface ModelFolder {
  /** Absolute, without links. */
  readonly path: string;
  /** The class of the pipeline, such as `StableDiffusionPipeline`. */
  readonly pipeline: string;
  /** Content of `model_index.json`. */
  readonly index: Readonly<Record<string, unknown>>;
  readonly components: ReadonlyMap<string, FolderComponent>;
  /** Files that an engine reads, relative to the folder, in ascending order. */
  readonly files: readonly string[];
}

/** A model folder whose networks were not read yet. Its path names it in messages. */
export type FolderConfigs = Omit<ModelFolder, 'files'>;

/** Returns whether a path is a folder with `model_index.json`. */
export function isModelFolder(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  return lstatSync(join(path, MODEL_INDEX), { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * Finds the files of a model folder and reads the small ones. Links are refused, so the files lie where they seem to lie.
 * @throws ModelError `not-found` for a missing file, `corrupt` for a file of another form.
 */
export function inspectModelFolder(folder: string): ModelFolder {
  const reader = openFolderFiles(folder, explainMissing);
  const { path, files } = reader;
  const index = reader.readConfig(MODEL_INDEX);
  const hasFolder = (name: string) => lstatSync(join(path, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
  const hasFile = (file: string) => lstatSync(join(path, file), { throwIfNoEntry: false }) !== undefined;
  const { components: names, unknown } = listComponents(index, hasFolder);
  if (unknown.length > 0)
    throw new ModelError(
      'corrupt',
      `${join(path, MODEL_INDEX)} names ${unknown.join(', ')}, which no engine here runs`,
    );

  let total = 0;
  const components = new Map<string, FolderComponent>();
  for (const name of names) {
    const before = files.length;
    let sizeBytes = 0;
    let onnx: OnnxFacts | undefined;
    let config: FolderComponent['config'] = {};
    assertComponentFolder(path, name);
    for (const { path: file, kind } of listComponentFiles(name, hasFile)) {
      if (kind === 'config') config = reader.readConfig(file);
      else if (kind === 'tokenizer') sizeBytes += reader.take(file, MOST_BYTES.tokenizer);
      else {
        const network = reader.takeNetwork(file);
        onnx = network.onnx;
        sizeBytes += network.sizeBytes;
      }
    }
    total += sizeBytes;
    if (total > MOST_TOTAL_BYTES) throw new ModelError('corrupt', `${path} has more than ${MOST_TOTAL_BYTES} bytes`);
    if (new Set(files).size !== files.length)
      throw new ModelError('corrupt', `${path} reads one of ${files.slice(before).join(', ')} twice`);
    components.set(name, { name, config, onnx, sizeBytes });
  }
  const pipeline = readPipeline(index, join(path, MODEL_INDEX));
  return { path, pipeline, index, components, files: files.sort() };
}

/** @param shown the index in the words of a message. @throws ModelError */
export function readPipeline({ _class_name: pipeline }: ModelFolder['index'], shown: string): string {
  if (typeof pipeline !== 'string') throw new ModelError('corrupt', `${shown} names no pipeline ("_class_name")`);
  return pipeline;
}

export interface HashedFolder {
  /** Root over paths and contents (docs/spec/model-folder.md), 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Stamped as they were while they were hashed. */
  readonly files: readonly (StampedFile & { readonly sha256: Uint8Array })[];
}

const nodeCrypto = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
};

/** A file with its path relative to the folder. */
export interface FileHash {
  readonly path: string;
  readonly sha256: Uint8Array;
}

/** Computes the root over paths and contents of a folder, 32 bytes. */
export const computeRootOfFolder = (files: readonly FileHash[]): Uint8Array => computeFolderRoot(nodeCrypto, files);

const TOKENIZER = '/tokenizer.json';
const [VOCABULARY, MERGES] = TOKENIZER_PARTS.map((file) => `/${file}`) as [string, string];

/** Returns whether a file of a folder decides about the tokens of a text. */
export const isTokenizerFile = (path: string): boolean =>
  [TOKENIZER, VOCABULARY, MERGES].some((ending) => path.endsWith(ending));

/**
 * Computes the hash of a folder's tokenizers (docs/spec/model-folder.md), 32 bytes. Models with the same hash make the same tokens of a
 * text. @param files of the folder, ascending by path; others than those of tokenizers do not count.
 */
export function hashTokenizers(files: readonly FileHash[]): Uint8Array {
  const hashes = files.flatMap(({ path, sha256 }) => {
    if (path.endsWith(TOKENIZER)) return [sha256];
    if (!path.endsWith(MERGES)) return [];
    const vocabulary = files.find((each) => each.path === path.replace(MERGES, VOCABULARY));
    return vocabulary === undefined ? [] : [nodeCrypto.sha256(vocabulary.sha256, sha256)];
  });
  return nodeCrypto.sha256(Buffer.from('ogong-tokenizers-v1\n'), Uint8Array.of(hashes.length), ...hashes);
}

/** @param hashes hashes from earlier reads; without it every file is read in full. @throws ModelError. */
export async function hashModelFolder(
  { path: folder, files }: Pick<ModelFolder, 'path' | 'files'>,
  hashes?: FileHashes,
): Promise<HashedFolder> {
  const hash = hashes?.hash ?? hashFile;
  const hashed = [];
  for (const file of files) {
    const path = join(folder, file);
    const stamp = readFileStamp(path);
    const sha256 = await hash(path);
    if (!isSameStamp(stamp, readFileStamp(path)))
      throw new ModelError('wrong-hash', `${path} changed while it was hashed; try again once nobody writes to it`, {
        retryable: true,
      });
    hashed.push({ path, sha256, stamp });
  }
  const modelRoot = computeRootOfFolder(hashed.map(({ sha256 }, i) => ({ path: files[i] as string, sha256 })));
  return { modelRoot, files: hashed };
}

function assertComponentFolder(path: string, name: string): void {
  const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
  if (stat === undefined)
    throw new ModelError(
      'not-found',
      `${path} has no folder ${name}, which ${MODEL_INDEX} names; fetch the model again`,
    );
  if (!stat.isDirectory()) refuseLink(path, name);
}

function explainMissing(path: string, file: string): string {
  const [component = '', name] = file.split('/');
  const problem = `${path} has no ${file}`;
  if (name === 'tokenizer.json') return `${problem}; save the tokenizer again with AutoTokenizer of transformers`;
  if (name !== 'model.onnx') return `${problem}; fetch the model again`;
  const isTorch = readdirSync(join(path, component)).some((each) => /\.(safetensors|bin)$/.test(each));
  return isTorch
    ? `${problem} but PyTorch's weights; export the model with "optimum-cli export onnx"`
    : `${problem}; fetch the model again`;
}
