import { statSync } from 'node:fs';
import type { ResolvedModel } from '@ogong/models/resolve';
import type { ModelStore, StoredModel } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';

/** What loads a file that lies on this machine. */
export const referenceOf = (path: string): string => `file:${path}`;

/**
 * A model that was named when the program started.
 * @param typed how; it is the model's name unless it says where the model lies.
 */
export function shelveResolved(typed: string, { name, path, modelRoot }: ResolvedModel): ShelfModel {
  const { size, mtimeMs } = statSync(path);
  const isPlace = /[/\\]|\.gguf$/i.test(typed);
  return {
    name: isPlace ? name : typed,
    aliases: [typed, name],
    reference: referenceOf(path),
    path,
    sizeBytes: size,
    modifiedAtMs: Math.floor(mtimeMs),
    modelRoot: toHex(modelRoot),
  };
}

/** The models that were named, as long as they are there, and all that the store has. */
export function createStoreShelf(store: ModelStore, named: readonly ShelfModel[] = []): ModelShelf {
  return {
    async list() {
      const stored = (await store.list()).flatMap(({ name }) => store.find(name) ?? []).map(shelveStored);
      const made = stored.filter(({ defaults }) => defaults !== undefined);
      // What was made later under the same name stands in its place.
      const pinned = named
        .filter(({ path }) => statSync(path, { throwIfNoEntry: false })?.isFile())
        .filter(({ name }) => !made.some((model) => model.name === name));
      const isPinned = ({ name, reference }: ShelfModel): boolean =>
        pinned.some((each) => each.reference === reference && each.aliases?.includes(name));
      return [...pinned, ...stored.filter((model) => model.defaults !== undefined || !isPinned(model))];
    },
  };
}

function shelveStored({ manifest, path }: StoredModel): ShelfModel {
  const { name, source, defaults, files, modelRoot } = manifest;
  return {
    name,
    // What was made of a model has a name of its own alone.
    aliases: defaults === undefined ? [source] : [],
    reference: referenceOf(path),
    path,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    modifiedAtMs: Math.floor(statSync(path).mtimeMs),
    modelRoot,
    ...(defaults === undefined ? {} : { defaults }),
  };
}
