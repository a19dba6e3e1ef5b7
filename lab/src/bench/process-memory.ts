import { execFileSync } from 'node:child_process';
import { platform } from 'node:os';

/** Resident memory of processes and their descendants, MiB. Pages that processes share count in each of them. */
export function readTreeMemory(pids: readonly number[]): readonly number[] | undefined {
  if (platform() === 'win32') return undefined;
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [pid: number, parent: number, kib: number]);
  const sum = (pid: number): number =>
    processes.reduce(
      (total, [own, parent, kib]) => total + (own === pid ? kib : 0) + (parent === pid ? sum(own) : 0),
      0,
    );
  return pids.map((pid) => sum(pid) / 1024);
}
