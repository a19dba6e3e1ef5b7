import { z } from 'zod';
import {
  type Catalogue,
  type CatalogueFile,
  type CatalogueModel,
  catalogueModel,
  commit,
  licence,
  parameters,
  type Quantisation,
  repositoryPath,
  sha256,
  sizeBytes,
} from './catalogue.ts';
import { type HubAccess, hubHeaders, pickOne, SHARD } from './hub.ts';
import { ModelError } from './model-error.ts';
import { fetchJson, type RetryOptions } from './remote.ts';

/** The source that a refreshed entry names. */
const HUB = 'hub';
const MAX_FILES = 10_000;
const MAX_ANSWER_BYTES = 4 << 20;
const TIMEOUT_MS = 30_000;

/** Fields of a repository that the catalogue uses; the hub's answer has many more. */
const aboutSchema = z.object({
  sha: commit,
  cardData: z.object({ license: licence.optional().catch(undefined) }).nullish(),
  gguf: z.object({ total: parameters.optional() }).nullish(),
});

/** Entries of other kinds, and files that are no models, are of no interest whatever they hold. */
const treeSchema = z.array(z.object({ type: z.string(), path: z.string().max(4096) }).loose()).max(MAX_FILES);

const modelFileSchema = z.object({
  path: repositoryPath,
  size: sizeBytes,
  lfs: z.object({ oid: sha256, size: sizeBytes }).optional(),
});

export interface RefreshOptions extends Pick<RetryOptions, 'signal' | 'onRetry' | 'backoffMs' | 'maxAttempts'> {
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  /** Called before each model. */
  readonly onModel?: (model: string, done: number, total: number) => void;
}

export interface RefreshResult {
  readonly catalogue: Catalogue;
  /** Models that the hub says something new of. */
  readonly changed: readonly string[];
  /** Files whose hash was known and is another one now. */
  readonly rehashed: readonly { readonly model: string; readonly path: string }[];
  /** Models whose entries stay as they were, and why. */
  readonly kept: readonly { readonly model: string; readonly reason: string }[];
}

/**
 * Asks the hub for each model's files. An entry that the hub does not answer for, or answers wrongly, stays as it was.
 * @throws ModelError('cancelled').
 */
export async function refreshCatalogue(
  catalogue: Catalogue,
  access: HubAccess,
  options: RefreshOptions = {},
): Promise<RefreshResult> {
  const models: CatalogueModel[] = [];
  const changed: string[] = [];
  const rehashed: { model: string; path: string }[] = [];
  const kept: { model: string; reason: string }[] = [];
  for (const [index, model] of catalogue.models.entries()) {
    options.onModel?.(model.name, index, catalogue.models.length);
    try {
      const fresh = await askHub(model, access, options);
      if (JSON.stringify(fresh) !== JSON.stringify(model)) changed.push(model.name);
      rehashed.push(...listRehashed(model, fresh));
      models.push(fresh);
    } catch (error) {
      if (!(error instanceof ModelError) || error.code === 'cancelled') throw error;
      kept.push({ model: model.name, reason: error.message });
      models.push(model);
    }
  }
  const isAnswered = kept.length < models.length;
  const sources = { ...catalogue.sources, ...(isAnswered && { [HUB]: access.endpoint }) };
  return { catalogue: { ...catalogue, sources, models }, changed, rehashed, kept };
}

async function askHub(
  model: CatalogueModel,
  access: HubAccess,
  { maxBytes = MAX_ANSWER_BYTES, timeoutMs = TIMEOUT_MS, onModel: _unused, ...patience }: RefreshOptions,
): Promise<CatalogueModel> {
  const base = `${access.endpoint}/api/models/${model.repository}`;
  const ask = async <T>(url: string, schema: z.ZodType<T>): Promise<T> => {
    const limits = { maxBytes, timeoutMs, isSameHost: true };
    const answer = await fetchJson(url, {
      file: model.repository,
      headers: hubHeaders(access),
      ...limits,
      ...patience,
    });
    return parseAnswer(answer, schema, model.repository);
  };
  const about = await ask(base, aboutSchema);
  const tree = await ask(`${base}/tree/${about.sha}?recursive=true`, treeSchema);
  const files = tree
    .filter(({ type, path }) => type === 'file' && /\.gguf$/i.test(path) && !/mmproj/i.test(path))
    .map((entry) => toCatalogueFile(parseAnswer(entry, modelFileSchema, entry.path)));
  const quantisations = groupFiles(files);
  if (quantisations.length === 0) throw new ModelError('not-found', `${model.repository} holds no GGUF file`);
  const entry = {
    ...model,
    commit: about.sha,
    ...(about.cardData?.license && { licence: about.cardData.license }),
    ...(about.gguf?.total && { parameters: about.gguf.total }),
    quantisations,
    sources: [HUB],
  };
  // In the order of the schema's fields, so that equal facts are equal bytes.
  const fresh = parseAnswer(entry, catalogueModel, model.repository);
  assertHashesStay(model, fresh);
  return fresh;
}

function parseAnswer<T>(answer: unknown, schema: z.ZodType<T>, what: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [{ path = [], message = '' } = {}] = parsed.error.issues;
  throw new ModelError('network', `the hub's answer for ${what} is of another form: ${path.join('.')} ${message}`);
}

function toCatalogueFile({ path, size, lfs }: z.infer<typeof modelFileSchema>): CatalogueFile {
  if (lfs !== undefined && lfs.size !== size)
    throw new ModelError('network', `the hub states two sizes for ${path}: ${size} and ${lfs.size}`);
  return { path, sizeBytes: size, ...(lfs && { sha256: lfs.oid }) };
}

const QUANT = /(?:^|[^a-z0-9])((?:I|T)?Q\d[a-z0-9_]*|MXFP4(?:_MOE)?|BF16|F16|F32)(?=[^a-z0-9_]|$)/gi;

/** By the quantisation that the file's name ends with; of several files of one, that which a pull would bring. */
function groupFiles(files: readonly CatalogueFile[]): Quantisation[] {
  const byQuant = Map.groupBy(files, ({ path }) => {
    const stem = path.slice(path.lastIndexOf('/') + 1).replace(SHARD, '.gguf');
    return [...stem.matchAll(QUANT)].at(-1)?.[1]?.toUpperCase();
  });
  const quantisations: Quantisation[] = [];
  for (const [quant, candidates] of byQuant) {
    if (quant === undefined) continue;
    const chosen = pickOne(candidates);
    assertWhole(chosen);
    quantisations.push({ quant, files: chosen });
  }
  return quantisations.sort((a, b) => (a.quant < b.quant ? -1 : 1));
}

function assertWhole(files: readonly CatalogueFile[]): void {
  for (const [index, { path }] of files.entries()) {
    const [, number, count] = SHARD.exec(path) ?? ['', '1', '1'];
    if (Number(number) !== index + 1 || Number(count) !== files.length)
      throw new ModelError('network', `the hub lists not all shards of ${path}`);
  }
}

const listFiles = ({ quantisations }: CatalogueModel): CatalogueFile[] => quantisations.flatMap(({ files }) => files);

/** Refuses to remove a hash, because that would remove a check. @throws ModelError */
function assertHashesStay(old: CatalogueModel, fresh: CatalogueModel): void {
  const known = new Set(listFiles(old).flatMap((file) => (file.sha256 === undefined ? [] : [file.path])));
  const bare = listFiles(fresh).find((file) => file.sha256 === undefined && known.has(file.path));
  if (bare !== undefined)
    throw new ModelError('network', `the hub states no sha256 for ${bare.path}, whose sha256 was known`);
}

function listRehashed(old: CatalogueModel, fresh: CatalogueModel): { model: string; path: string }[] {
  const known = new Map(listFiles(old).map((file) => [file.path, file.sha256]));
  return listFiles(fresh)
    .filter((file) => known.get(file.path) !== undefined && known.get(file.path) !== file.sha256)
    .map((file) => ({ model: old.name, path: file.path }));
}
