import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';

/** What the stores of one file of tests need, and of those beside it. */
const ROOM_BYTES = 512 * 2 ** 20;

export interface TestDirectory {
  readonly path: string;
  remove(): void;
}

/** An empty directory in memory where there is room: a store in it syncs as on a disk, and nobody waits for the disk. */
export function createTestDirectory(name: string): TestDirectory {
  const path = mkdtempSync(join(findPlace(ROOM_BYTES), `ogong-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** In memory where the system has so much of it for files, otherwise on the disk: a container has 64 MiB unless it is told otherwise. */
export function findPlace(roomBytes: number): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= roomBytes ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}
