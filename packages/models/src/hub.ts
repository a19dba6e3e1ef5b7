import { ENCODER_NETWORK } from './encoder-folder.ts';
import { ModelError } from './model-error.ts';
import { MODEL_INDEX } from './model-folder.ts';
import { fetchJson, fetchJsonPage, type Waiting } from './remote.ts';

export interface HubAccess {
  /** e.g. https://huggingface.co */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

export interface HubFile {
  readonly path: string;
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  /** Git's own name of the content, SHA-1 in hex: for small files, of which the hub states no SHA-256. */
  readonly gitHash: string | undefined;
}

export const DEFAULT_HUB = 'https://huggingface.co';

/** Reads the hub's own variables from an environment. */
export const readHubAccess = (env: Readonly<Record<string, string | undefined>>): Partial<HubAccess> => ({
  ...(env.HF_ENDPOINT ? { endpoint: env.HF_ENDPOINT } : {}),
  ...(env.HF_TOKEN ? { token: env.HF_TOKEN } : {}),
});

/** Tried in this order where the reference names no quantisation. */
const PREFERRED = ['q8_0', 'q4_k_m', 'q5_k_m', 'q4_0', 'f16', 'bf16'];
/** At the end of a shard's name: its number, and how many there are. */
export const SHARD = /-(\d{5})-of-(\d{5})\.gguf$/i;
const MAX_FILES = 10_000;
/** Pages of a list of files. The hub's have 1,000 entries. */
const MAX_PAGES = 100;

export const hubHeaders = ({ token }: HubAccess): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** The commit that the repository's main branch names now: a branch moves, a commit does not. @throws ModelError. */
export async function findCommit(repository: string, access: HubAccess, waiting: Waiting = {}): Promise<string> {
  const url = `${access.endpoint}/api/models/${repository}/revision/main`;
  const { signal, onRetry } = waiting;
  const answer = await fetchJson(url, { file: repository, headers: hubHeaders(access), signal, onRetry });
  const commit = typeof answer === 'object' && answer !== null ? (answer as { sha?: unknown }).sha : undefined;
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit))
    throw new ModelError('network', `${access.endpoint} names no commit for ${repository}`);
  return commit;
}

/** All files in a commit of a hub repository. @throws ModelError. */
export async function listHubFiles(
  { repository, commit }: { readonly repository: string; readonly commit: string },
  access: HubAccess,
  { signal, onRetry }: Waiting = {},
): Promise<HubFile[]> {
  const listing: unknown[] = [];
  let next: string | undefined = `${access.endpoint}/api/models/${repository}/tree/${commit}?recursive=true`;
  for (let pages = 0; next !== undefined; pages++) {
    const page = await fetchJsonPage(next, { file: repository, headers: hubHeaders(access), signal, onRetry });
    if (!Array.isArray(page.value))
      throw new ModelError('network', `${access.endpoint} returned no file list for ${repository}`);
    if (listing.length + page.value.length > MAX_FILES || pages >= MAX_PAGES)
      throw new ModelError(
        'network',
        `${access.endpoint} lists more than ${MAX_FILES} files or ${MAX_PAGES} pages for ${repository}`,
      );
    listing.push(...(page.value as unknown[]));
    next = page.next;
  }
  return listing
    .map(parseEntry)
    .filter((entry) => entry !== undefined)
    .map((file) => ({ ...file, url: resolveUrl(access, `${repository}/resolve/${commit}`, file.path) }));
}

/** Types of weights in names of files, the preferred one first. They are those that are read. */
const PREFERRED_PROJECTORS = ['f16', 'bf16', 'f32'] as const;

/** Returns whether a file's name is that of a projector, as its makers choose it. */
export const isProjectorName = (name: string): boolean => /\.gguf$/i.test(name) && /mmproj/i.test(name);

/**
 * Picks one of the projectors of a model by their names. One in f16 is preferred.
 * @param place how messages name the folder or the repository.
 * @throws ModelError('bad-reference') if the names do not decide.
 */
export function pickProjector(names: readonly string[], place: string): string {
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  for (const type of PREFERRED_PROJECTORS) {
    const [found, other] = names.filter((name) => new RegExp(`(?<![a-z0-9])${type}(?![a-z0-9])`, 'i').test(name));
    if (found !== undefined && other === undefined) return found;
  }
  throw new ModelError('bad-reference', `${place} has several projectors (${names.join(', ')}); name the file of one`);
}

/** The name of a projector in its folder of the store, whatever its name on the hub. */
export const STORED_PROJECTOR = 'mmproj.gguf';

/**
 * Picks the projector of a repository. One with an encoder's network needs none.
 * @throws ModelError as `pickProjector`.
 */
export function pickHubProjector<File extends { readonly path: string }>(
  files: readonly File[],
  repository: string,
): File | undefined {
  const names = files.map(({ path }) => path);
  const projectors = names.filter(isProjectorName);
  if (projectors.length === 0 || names.includes(ENCODER_NETWORK)) return undefined;
  const picked = pickProjector(projectors, repository);
  return files.find(({ path }) => path === picked);
}

/** Encoders of pictures, and drafts that are published beside their model, are no models. */
const isModelFile = ({ path }: HubFile): boolean => /\.gguf$/i.test(path) && !/mmproj|(?:^|\/)mtp-[^/]*$/i.test(path);

/** Returns whether a repository holds a model of one kind: a GGUF file, a model folder, or an encoder of pictures alone. */
export function findHubForm(files: readonly HubFile[]): 'gguf' | 'folder' | 'encoder' | undefined {
  const has = (name: string): boolean => files.some(({ path }) => path === name);
  if (files.some(isModelFile)) return 'gguf';
  if (has(MODEL_INDEX)) return 'folder';
  return has(ENCODER_NETWORK) || files.some(({ path }) => isProjectorName(path)) ? 'encoder' : undefined;
}

/** Picks the GGUF files of one quantisation, shards in order. @throws ModelError. */
export function pickModelFiles(
  files: readonly HubFile[],
  { repository, quant }: { readonly repository: string; readonly quant: string | undefined },
): HubFile[] {
  const models = files.filter(isModelFile);
  if (models.length === 0)
    throw new ModelError(
      'not-found',
      `${repository} holds no GGUF file; look for a repository whose name ends in -GGUF`,
    );
  const wanted = quant === undefined ? PREFERRED : [quant];
  for (const name of wanted) {
    const matching = models.filter(({ path }) => hasQuant(path, name));
    if (matching.length > 0) return assertWhole(pickOne(matching));
  }
  const known = [...new Set(models.map(({ path }) => path))].slice(0, 20).join(', ');
  throw new ModelError('not-found', `${repository} has no ${quant ?? 'usual'} quantisation; it has ${known}`);
}

/** @throws ModelError if the repository lacks shards. */
function assertWhole(shards: HubFile[]): HubFile[] {
  const [first] = shards;
  const count = Number(SHARD.exec(first?.path ?? '')?.[2] ?? 1);
  if (shards.length === count) return shards;
  throw new ModelError('not-found', `${first?.path} is one of ${count} files, and the repository has ${shards.length}`);
}

const hasQuant = (path: string, quant: string): boolean =>
  new RegExp(`(^|[^a-z0-9])${quant.replaceAll(/[_-]/g, '[_-]')}([^a-z0-9]|$)`).test(
    path.toLowerCase().replace(SHARD, '.gguf'),
  );

/** A model is one file or all shards of one; of several the shortest name wins. */
export function pickOne<T extends { path: string }>(files: readonly T[]): T[] {
  const sorted = [...files].sort((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1));
  const first = sorted[0] as T;
  const stem = first.path.replace(SHARD, '');
  if (!SHARD.test(first.path)) return [first];
  return sorted
    .filter(({ path }) => SHARD.test(path) && path.replace(SHARD, '') === stem)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function resolveUrl({ endpoint }: HubAccess, folder: string, path: string): string {
  return `${endpoint}/${folder}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

function parseEntry(entry: unknown): Omit<HubFile, 'url'> | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const {
    type,
    path,
    size,
    oid: git,
    lfs,
  } = entry as {
    type?: unknown;
    path?: unknown;
    size?: unknown;
    oid?: unknown;
    lfs?: { oid?: unknown };
  };
  if (type !== 'file' || typeof path !== 'string' || !Number.isSafeInteger(size) || path.split('/').includes('..'))
    return undefined;
  const oid = typeof lfs?.oid === 'string' ? lfs.oid.replace(/^sha256:/, '') : '';
  const sha256 = /^[0-9a-f]{64}$/.test(oid) ? oid : undefined;
  const isStated = lfs === undefined && typeof git === 'string' && /^[0-9a-f]{40}$/.test(git);
  return { path, sizeBytes: size as number, sha256, gitHash: isStated ? git : undefined };
}
