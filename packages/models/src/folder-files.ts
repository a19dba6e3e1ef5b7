import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isFolderPath, MAX_FOLDER_FILES } from '@ogong/protocol/commitment/folder-root';
import { ModelError } from './model-error.ts';
import { OnnxError, type OnnxFacts, readOnnxFile } from './onnx/read.ts';

const MIB = 2 ** 20;
/** Bytes at most, by the kind of a file. Protobuf allows 2 GiB for a model. */
export const MOST_BYTES = { config: MIB, tokenizer: 64 * MIB, onnx: 2 ** 31, weights: 2 ** 36 } as const;

/** Collects the files of a folder that belong to its model. Links are refused, so the files lie where they seem to lie. */
export interface FolderFiles {
  /** Absolute, without links. */
  readonly path: string;
  /** Files that were taken, relative to the folder. */
  readonly files: string[];
  /** Adds a file. @param most its bytes at most. @returns its bytes. @throws ModelError */
  take(file: string, most: number): number;
  /** Adds a JSON file and reads its object. @throws ModelError */
  readConfig(file: string): Readonly<Record<string, unknown>>;
  /** Adds an ONNX file and the files of its weights, which lie beside it. @throws ModelError */
  takeNetwork(file: string): { readonly onnx: OnnxFacts; readonly sizeBytes: number };
}

/**
 * @param explainMissing the message for a file that the folder lacks.
 * @throws ModelError('not-found') if there is no folder.
 */
export function openFolderFiles(folder: string, explainMissing: (path: string, file: string) => string): FolderFiles {
  const path = resolveFolder(folder);
  const files: string[] = [];
  const take = (file: string, most: number): number => {
    const { size } = assertPlainFile(path, file, explainMissing);
    if (size > most) throw new ModelError('corrupt', `${join(path, file)} has ${size} bytes, more than ${most}`);
    files.push(file);
    if (files.length > MAX_FOLDER_FILES)
      throw new ModelError('corrupt', `${path} needs more than ${MAX_FOLDER_FILES} files`);
    return size;
  };
  return {
    path,
    files,
    take,
    readConfig(file) {
      take(file, MOST_BYTES.config);
      return parseObject(readFileSync(join(path, file), 'utf8'), join(path, file));
    },
    takeNetwork(file) {
      let sizeBytes = take(file, MOST_BYTES.onnx);
      const onnx = readNetwork(join(path, file), join(path, file));
      const directory = file.slice(0, file.lastIndexOf('/') + 1);
      for (const weights of onnx.externalFiles) {
        if (weights.includes('/') || !isFolderPath(weights))
          throw new ModelError(
            'corrupt',
            `${join(path, file)} reads weights from "${weights}"; they must lie beside it`,
          );
        sizeBytes += take(`${directory}${weights}`, MOST_BYTES.weights);
      }
      return { onnx, sizeBytes };
    },
  };
}

function resolveFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (cause) {
    throw new ModelError('not-found', `there is no model folder at ${folder}`, { cause });
  }
}

function assertPlainFile(
  path: string,
  file: string,
  explainMissing: (path: string, file: string) => string,
): { readonly size: number } {
  const stat = lstatSync(join(path, file), { throwIfNoEntry: false });
  if (stat === undefined) throw new ModelError('not-found', explainMissing(path, file));
  if (!stat.isFile()) refuseLink(path, file);
  return stat;
}

export function refuseLink(path: string, file: string): never {
  throw new ModelError(
    'corrupt',
    `${join(path, file)} is a link or another special file; copy the model with its files (cp -rL)`,
  );
}

/** @param shown how messages name the file. @throws ModelError('corrupt') */
export function readNetwork(path: string, shown: string): OnnxFacts {
  try {
    return readOnnxFile(path);
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    throw new ModelError('corrupt', `${shown} is no whole ONNX file: ${cause.message}`, { cause });
  }
}

/** @param shown how messages name the file. @throws ModelError('corrupt') */
export function parseObject(text: string, shown: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new ModelError('corrupt', `${shown} is no JSON: ${(cause as Error).message}`, { cause });
  }
  throw new ModelError('corrupt', `${shown} is no JSON object`);
}
