import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';

/** Space for the stores of several test files that run at once. */
const ROOM_BYTES = 512 * 2 ** 20;

export interface TestDirectory {
  readonly path: string;
  remove(): void;
}

/** Creates an empty directory, in memory if there is room. A store in it syncs without waiting for a disk. */
export function createTestDirectory(name: string): TestDirectory {
  const path = mkdtempSync(join(findPlace(ROOM_BYTES), `ogong-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Returns the memory file system if it has enough room, otherwise the disk. A container has 64 MiB by default. */
export function findPlace(roomBytes: number): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= roomBytes ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}
