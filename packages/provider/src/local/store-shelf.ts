import { statSync } from 'node:fs';
import type { ResolvedModel } from '@ogong/models/resolve';
import { createModelStore, type StoredModel } from '@ogong/models/store';
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

/** The models that were named, and all that the store has. */
export function createStoreShelf(storeDir: string, pinned: readonly ShelfModel[] = []): ModelShelf {
  const store = createModelStore(storeDir);
  return {
    async list() {
      const stored = (await store.list()).flatMap(({ name }) => store.find(name) ?? []).map(shelveStored);
      const others = stored.filter((model) => !pinned.some(({ reference }) => reference === model.reference));
      return [...pinned, ...others];
    },
  };
}

function shelveStored({ manifest, path }: StoredModel): ShelfModel {
  return {
    name: manifest.name,
    aliases: [manifest.source],
    reference: referenceOf(path),
    path,
    sizeBytes: manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    modifiedAtMs: Math.floor(statSync(path).mtimeMs),
    modelRoot: manifest.modelRoot,
  };
}
