import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutation } from './mutation.ts';

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

export interface Planted {
  /** @throws where a mutated file was never loaded. */
  assertLoaded(): void;
}

/** Has the modules that are loaded from now on say the mutation's lines in place of their own. Nothing is written. */
export function plantMutation({ name, file, from, to, also = [] }: Mutation): Planted {
  const edits = [{ file, from, to }, ...also];
  const urlOf = (edit: (typeof edits)[number]): string => pathToFileURL(resolve(ROOT, edit.file)).href;
  const missing = new Set(edits.map(urlOf));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter((edit) => urlOf(edit) === url);
      if (own.length === 0) return loaded;
      missing.delete(url);
      const source = own.reduce((text, edit) => {
        const parts = text.split(edit.from);
        if (parts.length !== 2)
          throw new Error(`mutation ${name}: ${edit.file} has its line ${parts.length - 1} times`);
        return parts.join(edit.to);
      }, String(loaded.source));
      return { ...loaded, source };
    },
  });
  return {
    assertLoaded() {
      if (missing.size > 0) throw new Error(`mutation ${name}: nothing loads ${[...missing].join(', ')}`);
    },
  };
}
