import { readFileSync } from 'node:fs';
import { formatStamp, readFileStamp } from './file-stamp.ts';
import { ModelError } from './model-error.ts';
import type { ModelManifest, StoredFile } from './store.ts';

/** Reads manifests. One that has not changed since it was read is parsed once: every request to local mode lists the models. */
export interface ManifestFiles {
  /** @throws ModelError('corrupt'), or the file system's error. */
  read(path: string): ModelManifest;
}

/** Manifests that are kept. */
const MOST = 1024;

export function createManifestFiles(): ManifestFiles {
  const known = new Map<string, { readonly stamp: string; readonly manifest: ModelManifest }>();
  return {
    read(path) {
      const stamp = formatStamp(readFileStamp(path));
      const found = known.get(path);
      if (found?.stamp === stamp) return found.manifest;
      const manifest = parseManifest(readFileSync(path, 'utf8'), path);
      if (known.size >= MOST) known.clear();
      known.set(path, { stamp, manifest });
      return manifest;
    },
  };
}

function parseManifest(text: string, path: string): ModelManifest {
  try {
    const { name, source, commit, files, folder, adapters, modelRoot, defaults } = JSON.parse(text) as ModelManifest;
    const isFile = (file: StoredFile) =>
      typeof file.name === 'string' && /^[0-9a-f]{64}$/.test(file.sha256) && Number.isSafeInteger(file.sizeBytes);
    if (
      typeof name === 'string' &&
      typeof source === 'string' &&
      (commit === undefined || /^[0-9a-f]{40}$/.test(commit)) &&
      /^[0-9a-f]{64}$/.test(modelRoot) &&
      files.length > 0 &&
      files.every(isFile) &&
      (folder === undefined || ['model', 'encoder'].includes(folder)) &&
      (adapters === undefined || (adapters.length > 0 && adapters.every(isFile))) &&
      (defaults === undefined || typeof defaults.from === 'string')
    ) {
      const more = {
        ...(commit && { commit }),
        ...(folder && { folder }),
        ...(adapters && { adapters }),
        ...(defaults && { defaults }),
      };
      return { name, source, ...more, files, modelRoot };
    }
  } catch (cause) {
    throw new ModelError('corrupt', `${path} is not a model manifest; delete it and fetch the model again`, { cause });
  }
  throw new ModelError('corrupt', `${path} is not a model manifest; delete it and fetch the model again`);
}
