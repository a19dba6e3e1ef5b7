import { statSync } from 'node:fs';
import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import type { ResolvedModel } from '@ogong/models/resolve';
import type { ModelStore, StoredModel } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { isModelThere, listModelFiles } from '../engine/model-weights.ts';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';

/** Returns the reference that loads a file of this machine. */
export const referenceOf = (path: string): string => `file:${path}`;

export const pathOfReference = (reference: string): string => reference.replace(/^file:/, '');

/**
 * A model that was named when the program started.
 * @param typed how; it is the model's name unless it says where the model lies.
 */
export function shelveResolved(typed: string, model: ResolvedModel): ShelfModel {
  const { name, path, modelRoot, adapterPaths = [], encoderPath } = model;
  const places = [path, ...adapterPaths, ...(encoderPath === undefined ? [] : [encoderPath])];
  const stats = places.flatMap(listModelFiles).map((file) => statSync(file));
  const isPlace = /[/\\]|\.gguf$/i.test(typed);
  return {
    name: isPlace ? name : typed,
    aliases: [typed, name],
    reference: places.map(referenceOf).join('+'),
    path,
    sizeBytes: stats.reduce((sum, { size }) => sum + size, 0),
    modifiedAtMs: Math.floor(Math.max(...stats.map(({ mtimeMs }) => mtimeMs))),
    modelRoot: toHex(modelRoot),
    ...(encoderPath !== undefined && { readsPictures: true }),
  };
}

/**
 * Returns the same model with one adapter. Its reference loads both.
 * @param adapter as it was brought alone.
 * @param resolve returns the root of all parts, which has the adapter before an encoder.
 */
export async function shelveAdapted(
  model: ShelfModel,
  adapter: ResolvedModel,
  resolve: (reference: string) => Promise<Pick<ResolvedModel, 'modelRoot'>>,
): Promise<ShelfModel> {
  const { size, mtimeMs } = statSync(adapter.path);
  const reference = `${model.reference}+${referenceOf(adapter.path)}`;
  const { modelRoot } = await resolve(reference);
  return {
    ...model,
    ...{ reference, modelRoot: toHex(modelRoot) },
    name: `${model.name}+${adapter.name}`,
    aliases: (model.aliases ?? []).map((alias) => `${alias}+${adapter.name}`),
    sizeBytes: model.sizeBytes + size,
    modifiedAtMs: Math.max(model.modifiedAtMs, Math.floor(mtimeMs)),
  };
}

/**
 * The models that were named, as long as they are there, and all that the store has.
 * @param catalogue of short names. Default: the one of the program.
 */
export function createStoreShelf(
  store: ModelStore,
  named: readonly ShelfModel[] = [],
  catalogue: NonNullable<ModelShelf['catalogue']> = () => readCatalogue(OWN_CATALOGUE),
): ModelShelf {
  return {
    catalogue,
    async list() {
      const stored = (await store.list())
        // No engine opens an encoder alone.
        .filter(({ folder }) => folder !== 'encoder')
        .flatMap(({ name }) => store.find(name) ?? [])
        .map(shelveStored);
      const made = stored.filter(({ defaults }) => defaults !== undefined);
      // A later model of the same name replaces the earlier one.
      const pinned = named
        .filter(({ path }) => isModelThere(path))
        .filter(({ name }) => !made.some((model) => model.name === name));
      const isPinned = ({ name, reference }: ShelfModel): boolean =>
        pinned.some((each) => each.name === name || (each.reference === reference && each.aliases?.includes(name)));
      return [...pinned, ...stored.filter((model) => model.defaults !== undefined || !isPinned(model))];
    },
  };
}

/** Whether a model of the store is one of a hub: `owner/name`, with its commit and quantisation. */
const isHubName = (name: string): boolean => /^[^/:]+\/[^/:]+$/.test(name);

function shelveStored({ manifest, path, adapterPaths = [] }: StoredModel): ShelfModel {
  const { name, source, defaults, files, adapters = [], modelRoot } = manifest;
  // A model that was pulled by a short name is listed by it, because its client looks for it.
  const isShort = defaults === undefined && /^[a-z0-9][a-z0-9._-]*(?::[a-z0-9._-]+)?$/.test(source) && isHubName(name);
  return {
    name: isShort ? source : name,
    // A model that was made of another has only its own name.
    aliases: defaults === undefined ? [source, ...(isShort ? [name] : [])] : [],
    reference: [path, ...adapterPaths].map(referenceOf).join('+'),
    path,
    sizeBytes: [...files, ...adapters].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    modifiedAtMs: Math.floor(statSync(path).mtimeMs),
    modelRoot,
    ...(defaults === undefined ? {} : { defaults }),
  };
}
