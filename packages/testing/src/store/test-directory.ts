import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';

export interface TestDirectory {
  readonly path: string;
  remove(): void;
}

/** An empty directory in memory where the system has one: a store in it syncs as on a disk, and nobody waits for the disk. */
export function createTestDirectory(name: string): TestDirectory {
  const path = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), `ogong-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
