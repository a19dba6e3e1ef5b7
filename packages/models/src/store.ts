import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createFileHashes, type FileHashes, type FileHashesOptions } from './file-hashes.ts';
import { createFolderNames } from './folder-names.ts';
import type { FolderKind } from './hub-folder.ts';
import { createManifestFiles } from './manifest-files.ts';
import { ModelError } from './model-error.ts';
import { computeRootOfFolder } from './model-folder.ts';
import { composeModelRoot, computeModelRoot } from './model-root.ts';
import { withProcessLock } from './process-lock.ts';
import { fillFolder, isIntact, isSameFile } from './store-folder.ts';
import { createUnfinishedDownloads, type UnfinishedDownloads } from './unfinished.ts';

/** One file of a stored model. */
export interface StoredFile {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Defaults that a user gave a model along with a name of its own. */
export interface ModelDefaults {
  /** Name of the model that it was made from. */
  readonly from: string;
  readonly system?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  /** Settings of the sampler, by Ollama's names. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly license?: string;
}

export interface ModelManifest {
  readonly name: string;
  /** The reference that the model was resolved from. */
  readonly source: string;
  /** Of a model from a hub: the commit that its files were read at. */
  readonly commit?: string;
  /** The shards of a GGUF file, or the files of a folder in ascending order of their paths, which are their names. */
  readonly files: readonly StoredFile[];
  /** Set for a folder: a model of pictures, or an encoder of pictures, which no engine opens alone. */
  readonly folder?: FolderKind;
  /** LoRA adapters that it runs with, in the order of their application. */
  readonly adapters?: readonly StoredFile[];
  readonly modelRoot: string;
  /** For a model that was made from another one: the beginning of each request to it. */
  readonly defaults?: ModelDefaults;
}

export interface StoredModel {
  readonly manifest: ModelManifest;
  /** The path that the engine opens: the blob, the first shard under its own name, or the folder. */
  readonly path: string;
  /** None if not given. */
  readonly adapterPaths?: readonly string[];
  readonly modelRoot: Uint8Array;
}

/**
 * Content-addressed: `blobs/sha256-<hex>` never change, `manifests/<name>.json` name them, `folders/<name>` shows a folder's files under
 * their own names. A manifest is written last and
 * atomically, so that every visible model is complete.
 */
export interface ModelStore extends UnfinishedDownloads {
  find(name: string): StoredModel | undefined;
  list(): Promise<ModelManifest[]>;
  /** Moves a finished file in. @param expected sha256 hex. @throws ModelError('wrong-hash'); the file is then gone. */
  adopt(temporary: string, file: { name: string; expected?: string | undefined }): Promise<StoredFile>;
  /** A file that the store has already, whatever model it came with. */
  reuse(name: string, sha256: string): Promise<StoredFile | undefined>;
  /** Stores a file as it arrives, or a copy of one that lies elsewhere. @throws ModelError('wrong-hash') */
  receive(bytes: AsyncIterable<Uint8Array>, file: { name: string; expected?: string | undefined }): Promise<StoredFile>;
  /** @throws ModelError('bad-reference') where another model has a name that makes the same file name. */
  publish(manifest: Omit<ModelManifest, 'modelRoot'>): Promise<StoredModel>;
  /** Where a file lies, once it is there. */
  pathOf(file: Pick<StoredFile, 'sha256'>): string;
  /** Forgets a model, and deletes the files that no other model has. @returns whether there was one. */
  remove(name: string): Promise<boolean>;
  /** A path under the store where a file can be prepared. */
  temporary(key: string): Promise<string>;
  /** Runs alone among all processes that share the store. */
  withLock<T>(name: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Reads every file of a model in full; the paths of those that are missing or hold other bytes. */
  listDamaged(manifest: ModelManifest, signal?: AbortSignal): Promise<string[]>;
}

/** Opens the hashes of the models in a store, and of files beside it, that were computed before. */
export const openFileHashes = (directory: string, options: FileHashesOptions = {}): FileHashes =>
  createFileHashes(join(directory, 'hashes'), options);

export function createModelStore(directory: string): ModelStore {
  const hashes = openFileHashes(directory);
  const manifests = createManifestFiles();
  const listManifests = createFolderNames(join(directory, 'manifests'));
  const blobPath = (sha256: string) => join(directory, 'blobs', `sha256-${sha256}`);
  const fileName = (name: string) => name.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const manifestPath = (name: string) => join(directory, 'manifests', `${fileName(name)}.json`);

  const folderPath = ({ name }: Pick<ModelManifest, 'name'>) => join(directory, 'folders', fileName(name));

  const locate = (manifest: ModelManifest): StoredModel | undefined => {
    const [first] = manifest.files;
    if (first === undefined || !filesOf(manifest).every(({ sha256 }) => existsSync(blobPath(sha256)))) return undefined;
    const path =
      manifest.folder !== undefined
        ? folderPath(manifest)
        : manifest.files.length === 1
          ? blobPath(first.sha256)
          : join(directory, 'shards', fileName(manifest.name), first.name);
    const places = manifest.folder === undefined ? [path] : manifest.files.map(({ name }) => join(path, name));
    if (!places.every((place) => existsSync(place))) return undefined;
    const adapterPaths = manifest.adapters?.map(({ sha256 }) => blobPath(sha256));
    const modelRoot = Uint8Array.from(Buffer.from(manifest.modelRoot, 'hex'));
    return { manifest, path, modelRoot, ...(adapterPaths && { adapterPaths }) };
  };

  const withLock: ModelStore['withLock'] = async (name, run, signal) => {
    const path = join(directory, 'locks', `${fileName(name)}.lock`);
    await mkdir(dirname(path), { recursive: true });
    return withProcessLock(path, run, signal);
  };

  const store: ModelStore = {
    ...createUnfinishedDownloads(join(directory, 'partial'), withLock),

    find(name) {
      const path = manifestPath(name);
      const manifest = existsSync(path) ? manifests.read(path) : undefined;
      // Two names can make one file name: `a/b_c` and `a_b/c`.
      return manifest?.name === name ? locate(manifest) : undefined;
    },

    async list() {
      const names = await listManifests();
      const paths = names.filter((name) => name.endsWith('.json')).map((name) => join(directory, 'manifests', name));
      return paths.sort().map(manifests.read);
    },

    async adopt(temporary, { name, expected }) {
      const sha256 = Buffer.from(await hashes.hash(temporary)).toString('hex');
      if (expected !== undefined && sha256 !== expected) {
        await rm(temporary, { force: true });
        throw new ModelError(
          'wrong-hash',
          `${name} has sha256 ${sha256}, expected ${expected}; the download was thrown away, try again`,
          { retryable: true },
        );
      }
      const { size } = await stat(temporary);
      const target = blobPath(sha256);
      await mkdir(dirname(target), { recursive: true });
      // An engine may have hashed the file that is there: another one in its place would look like a forgery to it.
      if (await isIntact(target, sha256)) {
        await rm(temporary, { force: true });
        return { name, sha256, sizeBytes: size };
      }
      await rename(temporary, target);
      await hashes.restamp(target);
      return { name, sha256, sizeBytes: size };
    },

    async reuse(name, sha256) {
      const found = await stat(blobPath(sha256)).catch(() => undefined);
      return found && { name, sha256, sizeBytes: found.size };
    },

    pathOf: ({ sha256 }) => blobPath(sha256),

    async receive(bytes, file) {
      const temporary = await store.temporary(`${randomUUID()}`);
      try {
        await pipeline(bytes, createWriteStream(temporary));
        return await store.adopt(temporary, file);
      } catch (cause) {
        await rm(temporary, { force: true });
        if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
        throw new ModelError('disk-full', `no room on the disk for ${file.name}; free some space`, { cause });
      }
    },

    async publish(contents) {
      const other = (await store.list()).find(
        ({ name }) => name !== contents.name && manifestPath(name) === manifestPath(contents.name),
      );
      if (other !== undefined)
        throw new ModelError('bad-reference', `${contents.name} is too much like ${other.name}; choose another name`);
      const modelRoot = composeModelRoot(
        contents.folder === undefined ? rootOf(contents.files) : computeRootOfFolder(contents.files.map(toFileHash)),
        (contents.adapters ?? []).map((adapter) => rootOf([adapter])),
      );
      const manifest: ModelManifest = { ...contents, modelRoot: Buffer.from(modelRoot).toString('hex') };
      if (manifest.folder !== undefined) await fillFolder(folderPath(manifest), manifest.files, { blobPath, hashes });
      else if (manifest.files.length > 1) await linkShards(manifest);
      const path = manifestPath(manifest.name);
      await mkdir(dirname(path), { recursive: true });
      const draft = `${path}.${process.pid}`;
      await writeFile(draft, `${JSON.stringify(manifest, undefined, 2)}\n`);
      await rename(draft, path);
      const stored = locate(manifest);
      if (stored === undefined)
        throw new ModelError('corrupt', `the store at ${directory} lost a file of ${manifest.name}`);
      return stored;
    },

    async remove(name) {
      return store.withLock(name, async () => {
        const path = manifestPath(name);
        const found = (await store.list()).find((manifest) => manifest.name === name);
        if (found === undefined) return false;
        await rm(path, { force: true });
        await rm(join(directory, 'shards', fileName(name)), { recursive: true, force: true });
        await rm(folderPath({ name }), { recursive: true, force: true });
        const needed = new Set((await store.list()).flatMap((each) => filesOf(each).map(({ sha256 }) => sha256)));
        for (const { sha256 } of filesOf(found)) if (!needed.has(sha256)) await rm(blobPath(sha256), { force: true });
        return true;
      });
    },

    async temporary(key) {
      const path = join(directory, 'partial', `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.part`);
      await mkdir(dirname(path), { recursive: true });
      return path;
    },

    withLock,

    async listDamaged(manifest, signal) {
      const damaged: string[] = [];
      for (const { name, sha256 } of filesOf(manifest)) {
        const blob = blobPath(sha256);
        const place = manifest.folder === undefined ? blob : join(folderPath(manifest), name);
        if (!(await isIntact(blob, sha256, signal))) damaged.push(blob);
        else if (!isSameFile(blob, place) && !(await isIntact(place, sha256, signal))) damaged.push(place);
      }
      return damaged;
    },
  };

  /** llama.cpp finds the other shards of a split model by their names. */
  const linkShards = async (manifest: ModelManifest): Promise<void> => {
    const folder = join(directory, 'shards', fileName(manifest.name));
    await mkdir(folder, { recursive: true });
    for (const { name, sha256 } of manifest.files) {
      const path = join(folder, name);
      await rm(path, { force: true });
      await link(blobPath(sha256), path);
      await hashes.restamp(path);
    }
  };

  return store;
}

const filesOf = ({ files, adapters = [] }: Pick<ModelManifest, 'files' | 'adapters'>): readonly StoredFile[] => [
  ...files,
  ...adapters,
];

const toFileHash = ({ name, sha256 }: StoredFile) => ({ path: name, sha256: Buffer.from(sha256, 'hex') });

const rootOf = (files: readonly StoredFile[]): Uint8Array =>
  computeModelRoot(files.map(({ sha256 }) => Buffer.from(sha256, 'hex')));
