import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { FILE_FORMATS, type FileFormat, hasNameOf } from '@ogong/hub/file-format';
import type { HubManifest } from '@ogong/hub/manifest';
import { MAX_FILES } from '@ogong/hub/manifest';
import type { PushedFile } from '@ogong/hub/transfer/push';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { inspectEncoderFolder, isEncoderFolder } from '@ogong/models/encoder-folder';
import { inspectModelFolder, isModelFolder } from '@ogong/models/model-folder';
import { listShards } from '@ogong/models/model-root';
import { hashModelTokenizer } from '@ogong/models/tokenizer-hash';

/** The files of a model that is pushed. */
export interface PushPlan extends Pick<HubManifest, 'rootRule'> {
  readonly folder: string;
  readonly files: readonly PushedFile[];
  /** Hash of the tokenizers, that of no bytes for a model without one; 32 bytes. */
  readonly tokenizerHash: Uint8Array;
}

const refuse = (message: string): never => {
  throw new TransferError('bad-content', message);
};

/**
 * Finds the files of a model: a file with weights, all of its shards, or a folder.
 * @throws TransferError `bad-content` for files that the hub does not take, or for several models; ModelError
 */
export function planPush(path: string): PushPlan {
  const absolute = resolve(path);
  const found = lstatSync(absolute, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return planFolder(absolute);
  if (found?.isFile() !== true) return refuse(`${absolute} is no file and no folder`);
  const folder = dirname(absolute);
  const files = listShards(absolute).map((shard) => describe(basename(shard), true));
  return { folder, files, rootRule: 'shards', tokenizerHash: hashTokenizer(absolute) };
}

function planFolder(folder: string): PushPlan {
  const paths = listFiles(folder);
  const needed = isModelFolder(folder)
    ? inspectModelFolder(folder).files
    : isEncoderFolder(folder)
      ? inspectEncoderFolder(folder).files
      : undefined;
  const gguf = paths.filter((path) => hasNameOf('gguf', path));
  if (needed !== undefined && gguf.length > 0)
    return refuse(`${folder} has a model folder and ${gguf[0]}; push them as two models`);
  const weights = new Set(needed ?? listWeights(folder, paths, gguf));
  const first = gguf[0];
  const place = needed === undefined && first !== undefined ? join(folder, first) : folder;
  return {
    folder,
    files: paths.map((path) => describe(path, weights.has(path))),
    rootRule: needed === undefined && !isSeveralNetworks(weights) ? 'shards' : 'folder',
    tokenizerHash: hashTokenizer(place),
  };
}

/** A network whose weights lie beside it has a root over paths, because it names them. */
const isSeveralNetworks = (weights: ReadonlySet<string>): boolean =>
  weights.size > 1 && [...weights].some((path) => hasNameOf('onnx', path));

/** @returns the shards of the one GGUF model; without it all files with weights. */
function listWeights(folder: string, paths: readonly string[], gguf: readonly string[]): readonly string[] {
  if (gguf.length === 0) {
    const weights = paths.filter((path) => WEIGHT_FORMATS.some((format) => hasNameOf(format, path)));
    return weights.length > 0 ? weights : refuse(`${folder} has no file with weights`);
  }
  const shards = listShards(join(folder, gguf[0] as string)).map((shard) => toSlashes(relative(folder, shard)));
  const others = gguf.filter((path) => !shards.includes(path));
  return others.length === 0 ? shards : refuse(`${folder} has several models: ${gguf.join(', ')}; push one of them`);
}

const WEIGHT_FORMATS: readonly FileFormat[] = ['safetensors', 'onnx', 'onnx-data'];

function describe(path: string, isWeight: boolean): PushedFile {
  const format = FILE_FORMATS.find((each) => hasNameOf(each, path));
  return format === undefined
    ? refuse(`${path}: the hub takes GGUF, ONNX, safetensors, JSON and text alone; move this file away`)
    : { path, format, isWeight };
}

/** Lists the files of a folder, but for hidden ones. */
function listFiles(folder: string): string[] {
  const paths: string[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else paths.push(toSlashes(relative(folder, path)));
      if (paths.length > MAX_FILES) refuse(`${folder} has more than ${MAX_FILES} files`);
    }
  };
  visit(folder);
  return paths.sort();
}

const toSlashes = (path: string): string => path.split(sep).join('/');

const hashTokenizer = (path: string): Uint8Array =>
  /\.gguf$/i.test(path) || isModelFolder(path) ? hashModelTokenizer(path) : nodeCrypto.sha256();
