import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { FileHashes } from './file-hashes.ts';
import { openFolderFiles } from './folder-files.ts';
import { ModelError } from './model-error.ts';
import { type HashedFolder, hashModelFolder, isModelFolder } from './model-folder.ts';
import { computeModelRoot } from './model-root.ts';
import type { OnnxFacts } from './onnx/read.ts';

const ENDING = /\.onnx$/i;

/** A model that is one ONNX file, with the files of its weights beside it. */
export interface OnnxModel {
  /** Folder of the files: absolute, without links. */
  readonly path: string;
  /** Name of the ONNX file in it. */
  readonly file: string;
  readonly onnx: OnnxFacts;
  /** Bytes of all files. */
  readonly sizeBytes: number;
  /** Files that an engine reads, relative to the folder, in ascending order. */
  readonly files: readonly string[];
}

/** Finds the ONNX file of a path: the file itself, or the only one of a folder. Undefined for a path of another kind. */
export function findOnnxFile(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) return ENDING.test(path) ? path : undefined;
  if (!found?.isDirectory() || isModelFolder(path)) return undefined;
  const [file, other] = readdirSync(path).filter((name) => ENDING.test(name));
  return file === undefined || other !== undefined ? undefined : join(path, file);
}

/** Returns whether a path is an ONNX file, or a folder with one. */
export const isOnnxModel = (path: string): boolean => findOnnxFile(path) !== undefined;

/** Reads the facts of a model. @throws ModelError `not-found` for a missing file, `corrupt` for a file of another form or a link. */
export function inspectOnnxModel(path: string): OnnxModel {
  const found = findOnnxFile(path);
  if (found === undefined) throw new ModelError('not-found', `${path} is no ONNX file, and no folder with one`);
  const reader = openFolderFiles(dirname(resolve(found)), (folder, name) => `${folder} has no ${name}`);
  const file = basename(found);
  const { onnx, sizeBytes } = reader.takeNetwork(file);
  return { path: reader.path, file, onnx, sizeBytes, files: reader.files.sort() };
}

/**
 * Computes the root of a model: that of its files in the order of their names (whitepaper 7.2). So a file keeps its root under another
 * name. @throws ModelError
 */
export async function hashOnnxModel(
  model: Pick<OnnxModel, 'path' | 'files'>,
  hashes?: FileHashes,
): Promise<HashedFolder> {
  const { files } = await hashModelFolder(model, hashes);
  return { files, modelRoot: computeModelRoot(files.map(({ sha256 }) => sha256)) };
}
