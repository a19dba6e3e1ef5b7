import { readFile } from 'node:fs/promises';
import { isFolderPath, MAX_FOLDER_FILES } from '@ogong/protocol/commitment/folder-root';
import { ENCODER_FILES, ENCODER_NETWORK } from './encoder-folder.ts';
import { type ComponentFile, listComponentFiles, listComponents } from './folder-components.ts';
import { MOST_BYTES, parseObject, readNetwork } from './folder-files.ts';
import type { HubFile } from './hub.ts';
import { ModelError } from './model-error.ts';
import {
  type FolderComponent,
  type FolderConfigs,
  MODEL_INDEX,
  MOST_TOTAL_BYTES,
  readPipeline,
} from './model-folder.ts';
import type { StoredFile } from './store.ts';

/** Folders that a repository of the hub can hold: a model of pictures, or an encoder of pictures. */
export type FolderKind = 'model' | 'encoder';

/** A repository of the hub whose files are fetched one by one. */
export interface HubFolder {
  readonly repository: string;
  /** All files of the repository. */
  readonly files: readonly HubFile[];
  /** Fetches a file into the store. */
  readonly bring: (file: HubFile) => Promise<StoredFile>;
  readonly pathOf: (file: StoredFile) => string;
  /** Called with the configurations of a model before other files are fetched. An error that it throws ends the call. */
  readonly inspectConfigs?: ((folder: FolderConfigs) => void) | undefined;
}

type Need = Omit<ComponentFile, 'kind'> & { readonly kind: keyof typeof MOST_BYTES };

/**
 * Fetches the files of a folder that an engine reads, and no others. The names of all files are known before the first network is
 * fetched, so a repository that lacks a component is refused at once.
 * @returns the files, ascending by path; their names are their paths.
 * @throws ModelError
 */
export async function bringHubFolder(kind: FolderKind, folder: HubFolder): Promise<StoredFile[]> {
  const { repository, pathOf } = folder;
  const brought = new Map<string, StoredFile>();
  const bring = async (file: HubFile): Promise<string> => {
    const stored = brought.get(file.path) ?? (await folder.bring(file));
    brought.set(file.path, stored);
    return pathOf(stored);
  };
  const { index, needed } =
    kind === 'encoder' ? { index: undefined, needed: listEncoderNeeds() } : await listModelNeeds(folder, bring);
  const found = findFiles(folder, needed);
  const configs = new Map<string, FolderComponent>();
  const lastConfig = needed.findLastIndex((need) => need.kind === 'config');
  const networks: string[] = [];
  for (const [i, file] of found.entries()) {
    const path = await bring(file);
    const shown = `${repository}/${file.path}`;
    if (needed[i]?.kind === 'config') {
      const name = file.path.slice(0, file.path.indexOf('/'));
      const config = parseObject(await readFile(path, 'utf8'), shown);
      configs.set(name, { name, config, onnx: undefined, sizeBytes: 0 });
    }
    if (index && i === lastConfig) {
      const pipeline = readPipeline(index, `${repository}/${MODEL_INDEX}`);
      folder.inspectConfigs?.({ path: repository, pipeline, index, components: configs });
    }
    if (needed[i]?.kind === 'onnx') networks.push(...listWeights(file.path, readNetwork(path, shown).externalFiles));
  }
  const weights = findFiles(
    folder,
    networks.map((path) => ({ path, kind: 'weights' })),
  );
  assertTotal(repository, [...found, ...weights]);
  for (const file of weights) await bring(file);
  return [...brought.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const listEncoderNeeds = (): readonly Need[] => [
  ...ENCODER_FILES.map((path) => ({ path, kind: 'config' }) as const),
  { path: ENCODER_NETWORK, kind: 'onnx' },
];

async function listModelNeeds(
  folder: HubFolder,
  bring: (file: HubFile) => Promise<string>,
): Promise<{ readonly index: FolderConfigs['index']; readonly needed: readonly Need[] }> {
  const { repository, files } = folder;
  const paths = new Set(files.map(({ path }) => path));
  const [index] = findFiles(folder, [{ path: MODEL_INDEX, kind: 'config' }]) as [HubFile];
  const content = parseObject(await readFile(await bring(index), 'utf8'), `${repository}/${MODEL_INDEX}`);
  const hasFolder = (name: string): boolean => files.some(({ path }) => path.startsWith(`${name}/`));
  const { components, unknown } = listComponents(content, hasFolder);
  if (unknown.length > 0)
    throw new ModelError(
      'corrupt',
      `${repository}/${MODEL_INDEX} names ${unknown.join(', ')}, which no engine here runs`,
    );
  const hasFile = (path: string): boolean => paths.has(path);
  const parts: Need[] = components.flatMap((name) => listComponentFiles(name, hasFile));
  // The small files come first, so a wrong one is noticed before gigabytes are fetched.
  const ordered = (['config', 'tokenizer', 'onnx'] as const).flatMap((kind) =>
    parts.filter((part) => part.kind === kind),
  );
  return { index: content, needed: ordered };
}

/** @throws ModelError with the names of all files that the repository lacks. */
function findFiles({ repository, files }: HubFolder, needed: readonly Need[]): readonly HubFile[] {
  const missing = needed.filter(({ path }) => !files.some((file) => file.path === path)).map(({ path }) => path);
  if (missing.length > 0) {
    const isNetwork = missing.some((path) => path.endsWith('.onnx'));
    throw new ModelError(
      'not-found',
      `${repository} has no ${missing.join(' and no ')}; ${
        isNetwork
          ? 'look for a repository with networks in ONNX, or export the model with "optimum-cli export onnx"'
          : 'the repository is not whole, look for another one'
      }`,
    );
  }
  if (needed.length > MAX_FOLDER_FILES)
    throw new ModelError('corrupt', `${repository} needs more than ${MAX_FOLDER_FILES} files`);
  return needed.map(({ path, kind }) => {
    const file = files.find((each) => each.path === path) as HubFile;
    if (file.sizeBytes > MOST_BYTES[kind])
      throw new ModelError(
        'corrupt',
        `${repository}/${path} has ${file.sizeBytes} bytes, more than ${MOST_BYTES[kind]}`,
      );
    return file;
  });
}

/** Lists the files that hold the weights of a network. Each lies beside it. */
function listWeights(network: string, names: readonly string[]): readonly string[] {
  const directory = network.slice(0, network.lastIndexOf('/') + 1);
  return names.map((name) => {
    if (name.includes('/') || !isFolderPath(name))
      throw new ModelError('corrupt', `${network} reads weights from "${name}"; they must lie beside it`);
    return `${directory}${name}`;
  });
}

function assertTotal(repository: string, files: readonly HubFile[]): void {
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total > MOST_TOTAL_BYTES)
    throw new ModelError('corrupt', `${repository} has ${total} bytes, more than ${MOST_TOTAL_BYTES}`);
}
