import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutation } from './mutations.ts';

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

export interface Planted {
  /** @throws where a mutated file was never loaded. */
  assertLoaded(): void;
}

/** Has the modules that are loaded from now on say the mutation's lines in place of their own. Nothing is written. */
export function plantMutation({ name, file, from, to, also = [] }: Mutation): Planted {
  const edits = [{ file, from, to }, ...also];
  const urls = new Map(edits.map((edit) => [pathToFileURL(resolve(ROOT, edit.file)).href, edit]));
  const missing = new Set(urls.keys());
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edit = urls.get(url);
      if (edit === undefined) return loaded;
      const source = String(loaded.source);
      const parts = source.split(edit.from);
      if (parts.length !== 2) throw new Error(`mutation ${name}: ${edit.file} has its line ${parts.length - 1} times`);
      missing.delete(url);
      return { ...loaded, source: parts.join(edit.to) };
    },
  });
  return {
    assertLoaded() {
      if (missing.size > 0) throw new Error(`mutation ${name}: nothing loads ${[...missing].join(', ')}`);
    },
  };
}
