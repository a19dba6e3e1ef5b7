import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SMALL_HEAP } from './small-heap.ts';

export interface ConfinedChildOptions {
  /** Folder of the package whose module it is. */
  readonly home: string;
  /** Further folders of code that the module loads, besides each `node_modules` above `home`. Default: none. */
  readonly folders?: readonly string[];
  readonly maxHeapMib: number;
  /** Half of the heap's space for new objects. A small one keeps the process small and collects more often. Default: as Node has it. */
  readonly maxSemiSpaceMib?: number;
  /** `ignore` for a module whose crashes are expected. */
  readonly stderr: 'inherit' | 'ignore';
}

/**
 * Starts a module as a process that may read its own code alone. Its environment has nothing of this process. It can write no file, and can start no process and
 * no thread. The network stays open to it: Node 24 cannot close that.
 */
export const startConfinedChild = (
  path: string,
  { home, folders = [], maxHeapMib, maxSemiSpaceMib, stderr }: ConfinedChildOptions,
): ChildProcess =>
  fork(path, [], {
    execArgv: [
      '--permission',
      // If programs are joined into a few files, the module lies elsewhere.
      ...[home, dirname(path), ...folders, ...findModules(home)].map(
        (folder) => `--allow-fs-read=${join(folder, '/')}`,
      ),
      `--max-old-space-size=${maxHeapMib}`,
      ...(maxSemiSpaceMib === undefined ? [] : [`--max-semi-space-size=${maxSemiSpaceMib}`]),
    ],
    env: { ...SMALL_HEAP },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', stderr, 'ipc'],
  });

function findModules(home: string): readonly string[] {
  const found: string[] = [];
  for (let at = home; at !== dirname(at); at = dirname(at)) {
    const modules = join(at, 'node_modules');
    if (existsSync(modules)) found.push(modules);
  }
  return found;
}
