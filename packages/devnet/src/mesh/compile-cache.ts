import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Daemons load the same modules, so a shared compile cache halves the start of all but the first. */
export const COMPILE_CACHE: string = join(homedir(), '.ogong', 'cache', 'compile');

/** Of some twenty versions of the programs. */
const MOST_FILES = 20_000;

/** Node adds a file for each module that it compiles, and never takes one out. So a cache with too many of them is begun anew. */
export async function trimCompileCache(folder = COMPILE_CACHE, mostFiles = MOST_FILES): Promise<void> {
  try {
    if (readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length <= mostFiles)
      return;
    const old = `${folder}.old`;
    await rm(old, { recursive: true, force: true });
    // At once: daemons that start meanwhile write into a new one.
    await rename(folder, old);
    await rm(old, { recursive: true, force: true });
  } catch {
    // There is none, or another process does the same.
  }
}
