import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertBlobName, type BlobId } from '@ogong/hub/store/blob-store';
import { z } from 'zod';

const MAX_ENTRY_BYTES = 1 << 20;
const MAX_REFERENCES = 1 << 14;

const entrySchema = z.object({
  bytes: z.int().min(1),
  references: z.array(z.string().min(1).max(256)).min(1).max(MAX_REFERENCES),
});

/** A blob of a store whose engine has ids of its own. */
export interface IndexEntry {
  readonly bytes: number;
  /** Ids of the engine for the content, in order. */
  readonly references: readonly string[];
}

/** Maps ids of blobs to those of an engine, in a folder: `index/<id>`, `lists/<id>`, `pins/<id>`, `manifests/<hash>`, `evaluations/<hash>`. */
export interface BlobIndex {
  /** Writes the list first, because the entry makes the blob visible. */
  add(id: BlobId, entry: IndexEntry, list: Uint8Array): Promise<void>;
  find(id: BlobId): Promise<IndexEntry | undefined>;
  readList(id: BlobId): Promise<Uint8Array>;
  remove(id: BlobId): Promise<void>;
  ids(): Promise<readonly BlobId[]>;
  setPin(id: BlobId, isPinned: boolean): Promise<void>;
  isPinned(id: BlobId): Promise<boolean>;
  addManifest(hash: string, signed: Uint8Array): Promise<void>;
  manifests(): Promise<readonly string[]>;
  readManifest(hash: string): Promise<Uint8Array>;
  addEvaluation(hash: string, entry: IndexEntry): Promise<void>;
  findEvaluation(hash: string): Promise<IndexEntry | undefined>;
  evaluations(): Promise<readonly string[]>;
}

export function openBlobIndex(folder: string): BlobIndex {
  const pathOf = (kind: 'index' | 'lists' | 'pins' | 'manifests' | 'evaluations', name: string): string => {
    assertBlobName(name);
    return join(folder, kind, name);
  };
  const names = async (kind: string): Promise<readonly string[]> =>
    (await readdir(join(folder, kind)).catch(() => [])).filter((name) => /^[0-9a-f]{64}$/.test(name)).sort();
  return {
    async add(id, entry, list) {
      await replaceFile(pathOf('lists', id), list);
      await replaceFile(pathOf('index', id), encodeEntry(entry));
    },
    find: (id) => readEntry(pathOf('index', id)),
    readList: async (id) => new Uint8Array(await readFile(pathOf('lists', id))),
    async remove(id) {
      await rm(pathOf('index', id), { force: true });
      await rm(pathOf('lists', id), { force: true });
    },
    ids: () => names('index'),
    async setPin(id, isPinned) {
      if (isPinned) await replaceFile(pathOf('pins', id), new Uint8Array());
      else await rm(pathOf('pins', id), { force: true });
    },
    isPinned: async (id) => (await stat(pathOf('pins', id)).catch(() => undefined)) !== undefined,
    addManifest: (hash, signed) => replaceFile(pathOf('manifests', hash), signed),
    manifests: () => names('manifests'),
    readManifest: async (hash) => new Uint8Array(await readFile(pathOf('manifests', hash))),
    addEvaluation: (hash, entry) => replaceFile(pathOf('evaluations', hash), encodeEntry(entry)),
    findEvaluation: (hash) => readEntry(pathOf('evaluations', hash)),
    evaluations: () => names('evaluations'),
  };
}

const encodeEntry = (entry: IndexEntry): Uint8Array => Buffer.from(JSON.stringify(entry));

async function readEntry(path: string): Promise<IndexEntry | undefined> {
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined || size > MAX_ENTRY_BYTES) return undefined;
  return entrySchema.parse(JSON.parse(await readFile(path, 'utf8')));
}

/** Writes a file at once: a crash leaves the old content or the new one. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await mkdir(join(path, '..'), { recursive: true });
  try {
    await writeFile(draft, bytes, { flush: true });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}
