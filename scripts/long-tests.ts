import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './steps.ts';

/** Files of tests that do more where OGONG_LONG is set. */
export function listLongTests(): readonly string[] {
  return ['packages', 'lab'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() && entry.name.endsWith('.test.ts') && !entry.parentPath.includes('node_modules'),
      )
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path, 'utf8').includes('process.env.OGONG_LONG'))
      .map((path) => relative(root, path)),
  );
}
