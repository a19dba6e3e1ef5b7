import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ModelError } from './model-error.ts';

/** The catalogue that comes with the program. */
export const OWN_CATALOGUE = fileURLToPath(new URL('../catalogue/models.json', import.meta.url));

const MAX_MODELS = 1000;
const MAX_FILE_BYTES = 2 ** 44;
const MAX_PARAMETERS = 1e14;

const alias = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}(?::[a-z0-9][a-z0-9._-]{0,31})?$/);
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,95}$/);
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A path inside a repository: no step leaves it, and no part is empty. */
export const repositoryPath = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9._+ -]+(?:\/[A-Za-z0-9._+ -]+)*$/)
  .refine((path) => !path.split('/').some((part) => part === '..' || part === '.'));

export const sizeBytes = z.int().min(1).max(MAX_FILE_BYTES);
export const licence = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/);
export const parameters = z.int().min(1).max(MAX_PARAMETERS);
export const commit = z.string().regex(/^[0-9a-f]{40}$/);

const catalogueFile = z.strictObject({
  path: repositoryPath,
  sizeBytes: sizeBytes.optional(),
  sha256: sha256.optional(),
});

const quantisation = z.strictObject({
  /** Such as Q4_K_M: the part after the colon in `hf:owner/name:q4_k_m`. */
  quant: z.string().regex(/^[A-Z][A-Z0-9_]{0,15}$/),
  /** One, or all shards in order. */
  files: z.array(catalogueFile).min(1).max(256),
});

export const catalogueModel = z.strictObject({
  name,
  /** Names that other programs give the model, such as Ollama's `llama3.2:3b`; without a tag for the usual one of its family. */
  aliases: z.array(alias).max(8).optional(),
  /** `owner/name` on the hub. */
  repository: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/),
  /** The commit that the files were read at. */
  commit: commit.optional(),
  /** SPDX, or the hub's own word. */
  licence: licence.optional(),
  /** As the publisher names the model, until the hub states the count. */
  parameters: parameters.optional(),
  /** Parameters that each token uses in a mixture of experts. */
  activeParameters: parameters.optional(),
  /** The model of this catalogue that drafts for it: a small one of its family. */
  draft: name.optional(),
  quantisations: z.array(quantisation).min(1).max(128),
  /** Where the facts are from: keys of `sources`. */
  sources: z.array(name).min(1).max(16),
});

const catalogueSchema = z
  .strictObject({
    version: z.literal(1),
    /** An address, or a sentence. */
    sources: z.record(name, z.string().min(1).max(512)),
    models: z.array(catalogueModel).max(MAX_MODELS),
  })
  .superRefine(({ sources, models }, context) => {
    const names = new Set<string>();
    const own = new Set(models.map((model) => model.name));
    for (const model of models) {
      const refuse = (message: string) => context.addIssue({ code: 'custom', message: `${model.name}: ${message}` });
      if (names.has(model.name)) refuse('stands there twice');
      names.add(model.name);
      for (const each of model.aliases ?? []) {
        if (names.has(each)) refuse(`${each} is another model's name`);
        names.add(each);
      }
      for (const source of model.sources) if (!Object.hasOwn(sources, source)) refuse(`has no source ${source}`);
    }
    for (const { name: model, draft } of models) {
      if (draft !== undefined && (draft === model || !own.has(draft)))
        context.addIssue({ code: 'custom', message: `${model}: ${draft} is no other model of the catalogue` });
    }
  });

export type Catalogue = z.infer<typeof catalogueSchema>;
export type CatalogueFile = z.infer<typeof catalogueFile>;
export type CatalogueModel = z.infer<typeof catalogueModel>;
export type Quantisation = z.infer<typeof quantisation>;

const MAX_CATALOGUE_BYTES = 16 << 20;

/** @throws ModelError('corrupt') names the first thing that is wrong. */
export function parseCatalogue(text: string, origin: string): Catalogue {
  let value: unknown;
  try {
    value = text.length > MAX_CATALOGUE_BYTES ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new ModelError('corrupt', `${origin} is no JSON`, { cause });
  }
  const parsed = catalogueSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError('corrupt', `${origin} is no catalogue: ${issue?.path.join('.')} ${issue?.message}`);
}

/** @throws ModelError('not-found', 'corrupt'). */
export function readCatalogue(path: string): Catalogue {
  if (!existsSync(path)) throw new ModelError('not-found', `there is no catalogue at ${path}`);
  return parseCatalogue(readFileSync(path, 'utf8'), path);
}

/** The file that a refresh writes, in the folder where models are kept. */
export const refreshedCatalogue = (modelsDir: string): string => join(modelsDir, 'catalogue.json');

/** The catalogue of the program, with what a refresh has found. @throws ModelError('corrupt') */
export function openCatalogue(modelsDir: string): Catalogue {
  const own = readCatalogue(OWN_CATALOGUE);
  const refreshed = refreshedCatalogue(modelsDir);
  return existsSync(refreshed) ? mergeCatalogues(own, readCatalogue(refreshed)) : own;
}

/** The models of both. For a model in both, `newer` counts; the aliases are those of `older`, which no hub states. */
export function mergeCatalogues(older: Catalogue, newer: Catalogue): Catalogue {
  const models = new Map(older.models.map((model) => [model.name, model]));
  for (const { aliases = [], ...model } of newer.models) {
    const known = models.get(model.name)?.aliases ?? aliases;
    models.set(model.name, { ...model, ...(known.length > 0 && { aliases: known }) });
  }
  return { ...newer, sources: { ...older.sources, ...newer.sources }, models: [...models.values()] };
}

/** Replaces the file as a whole: a reader sees the old one or the new one. */
export async function writeCatalogue(path: string, catalogue: Catalogue): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(catalogue, undefined, 2)}\n`);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Of all files; undefined where the size of one is not known. */
export function sumKnownBytes({ files }: Quantisation): number | undefined {
  let sum = 0;
  for (const file of files) {
    if (file.sizeBytes === undefined) return undefined;
    sum += file.sizeBytes;
  }
  return sum;
}

/** A name such as Q4_K_M promises 4 bits; scales and parts that are kept finer add less than this to a large model. */
const SPARE_BITS = 1.5;

export interface WeightSize {
  readonly bytes: number;
  /**
   * Computed from parameters and bits if no size was stated. From 2 billion parameters on it is above the file's size. Below that
   * it is at most a quarter less, because one table of the vocabulary weighs much.
   */
  readonly isEstimate: boolean;
}

/** Bytes of the weights; undefined where neither sizes nor parameters are known. */
export function measureWeights(
  { parameters: count }: CatalogueModel,
  quantisation: Quantisation,
): WeightSize | undefined {
  const bytes = sumKnownBytes(quantisation);
  if (bytes !== undefined) return { bytes, isEstimate: false };
  const bits = readBits(quantisation.quant);
  if (count === undefined || bits === undefined) return undefined;
  return { bytes: Math.ceil((count * bits) / 8), isEstimate: true };
}

function readBits(quant: string): number | undefined {
  const [, plain, packed] = /^(?:B?F(16|32)|(?:IQ|Q|MXFP|TQ)(\d)(?!\d))/.exec(quant) ?? [];
  if (plain !== undefined) return Number(plain);
  return packed === undefined ? undefined : Number(packed) + SPARE_BITS;
}

export interface CatalogueFilter {
  /** The weights take no more. */
  readonly maxBytes?: number | undefined;
  readonly licence?: string | undefined;
  /** A part of the name. */
  readonly text?: string | undefined;
}

/** Models with the quantisations that pass; one whose size nobody can tell passes no limit. */
export function filterCatalogue(
  models: readonly CatalogueModel[],
  { maxBytes = Number.POSITIVE_INFINITY, licence: wanted, text = '' }: CatalogueFilter,
): CatalogueModel[] {
  const fits = (model: CatalogueModel, each: Quantisation): boolean =>
    maxBytes === Number.POSITIVE_INFINITY ||
    (measureWeights(model, each)?.bytes ?? Number.POSITIVE_INFINITY) <= maxBytes;
  return models
    .filter((model) => model.name.includes(text.toLowerCase()))
    .filter((model) => wanted === undefined || model.licence?.toLowerCase() === wanted.toLowerCase())
    .map((model) => ({ ...model, quantisations: model.quantisations.filter((each) => fits(model, each)) }))
    .filter(({ quantisations }) => quantisations.length > 0);
}
