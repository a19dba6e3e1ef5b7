import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Finds the file to run for a program. In a clone `scripts/join-programs.mjs` joins each program with all that it imports into a few files,
 * which start much faster than its sources.
 * @param folder of the joined programs, if there are any.
 */
export function findJoinedProgram(entry: string, folder: string | undefined): string {
  if (folder === undefined) return entry;
  try {
    const list = JSON.parse(readFileSync(join(folder, 'programs.json'), 'utf8')) as Readonly<Record<string, unknown>>;
    const name = Object.hasOwn(list, entry) ? list[entry] : undefined;
    return typeof name === 'string' ? join(folder, name) : entry;
  } catch {
    return entry;
  }
}
