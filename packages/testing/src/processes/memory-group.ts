import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A control group of Linux with a limit of memory. */
export interface MemoryGroup {
  /** A process joins the group when its id is written to this file. */
  readonly joinPath: string;
  /** Removes the group. All of its processes must have ended. */
  remove(): void;
}

/**
 * Makes a control group below that of this process, in either version of control groups.
 * @throws Error that says why this system sets no such limit.
 */
export function makeMemoryGroup(limitBytes: number): MemoryGroup {
  const own = readFileSync('/proc/self/cgroup', 'utf8');
  const first = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(own)?.[1];
  const [mount, path, limit] =
    first === undefined
      ? ['/sys/fs/cgroup', /^0::(\/.*)$/m.exec(own)?.[1] ?? '/', 'memory.max']
      : ['/sys/fs/cgroup/memory', first, 'memory.limit_in_bytes'];
  const folder = join(mount, path, `ogong-test-${process.pid}`);
  mkdirSync(folder);
  const remove = (): void => rmdirSync(folder);
  try {
    writeFileSync(join(folder, limit), String(limitBytes), { flag: 'r+' });
  } catch (error) {
    remove();
    throw error;
  }
  return { joinPath: join(folder, 'cgroup.procs'), remove };
}

/** Says why this system sets no limit of memory; undefined if it does. */
export function explainNoMemoryGroup(): string | undefined {
  try {
    makeMemoryGroup(2 ** 30).remove();
    return undefined;
  } catch (error) {
    return `no control group with a limit of memory can be made here: ${(error as Error).message}`;
  }
}
