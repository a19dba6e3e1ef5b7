import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Built pages by file name. */
export type PageFiles = ReadonlyMap<string, Uint8Array>;

/** Place of the pages in a published package. */
const BUILT = fileURLToPath(new URL('../../pages/', import.meta.url));
/**
 * In the repository, which has sources alone: they are built when somebody looks. The path is built in two steps. A module that a
 * source names in one step is joined as a program of its own (scripts/join-programs.mjs). It then lies away from the pages.
 */
const EXPLORER = new URL('../../../../apps/explorer/', import.meta.url);
const BUILDER = new URL('scripts/build.ts', EXPLORER);

/** @returns undefined where the pages were left out of the installation. */
async function loadPages(): Promise<PageFiles | undefined> {
  if (existsSync(BUILT)) {
    const names = await readdir(BUILT);
    const files = await Promise.all(names.map((name) => readFile(`${BUILT}${name}`)));
    return new Map(names.map((name, i) => [name, new Uint8Array(files[i] as Buffer)]));
  }
  if (!existsSync(fileURLToPath(BUILDER))) return undefined;
  const { buildPages } = (await import(BUILDER.href)) as { buildPages: () => Promise<PageFiles> };
  return buildPages();
}

/** Reads the pages at the first call, and once. A failure is not kept. */
export function createPageFiles(load: typeof loadPages = loadPages): () => Promise<PageFiles | undefined> {
  let loading: Promise<PageFiles | undefined> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}
