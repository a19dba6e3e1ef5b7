import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';

/**
 * Milliseconds that the main thread of a process has spent on a core. On an idle machine this equals the elapsed time; on a
 * busy one it hardly changes. For this process it moves in steps of some milliseconds. Linux only; elsewhere it is the clock.
 * @param pid a child that is idle when this is read, because the kernel updates the sum when a thread leaves its core.
 *   Default: this process.
 */
export function readBusyMs(pid?: number): number {
  if (platform() !== 'linux') return performance.now();
  if (pid !== undefined) return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e3;
}

/** The same for all threads of a process, since a software device computes on several threads. */
export function readAllThreadsMs(pid: number): number {
  if (platform() !== 'linux') return performance.now();
  return readdirSync(`/proc/${pid}/task`).reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
    0,
  );
}

/** @returns the result of `work`, and how long it kept the process busy. */
export async function measureBusy<T>(
  pid: number | undefined,
  work: () => T | Promise<T>,
): Promise<{ result: T; ms: number }> {
  const startMs = readBusyMs(pid);
  const result = await work();
  return { result, ms: readBusyMs(pid) - startMs };
}
