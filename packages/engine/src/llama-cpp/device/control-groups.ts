/** Reads a file of the system; undefined if it cannot be read. */
type ReadSystemFile = (path: string) => string | undefined;

/** Names of the files of the two versions of Linux's control groups. */
const VERSIONS = [
  {
    line: /^0::(\/.*)$/m,
    mounts: ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'],
    files: { limit: 'memory.max', used: 'memory.current' },
    stated: { cached: /^file (\d+)/m, kept: /^shmem (\d+)/m },
  },
  {
    line: /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m,
    mounts: ['/sys/fs/cgroup/memory'],
    files: { limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes' },
    stated: { cached: /^total_cache (\d+)/m, kept: /^total_shmem (\d+)/m },
  },
];

/**
 * Reads the bytes that the control groups of this process still allow: the least of its own group and of the groups above. Pages of files
 * count as used in a group, but the system frees them on demand, so they are free here. Memory-mapped weights are such pages. Files that
 * lie in memory alone (tmpfs) count among them, and cannot be freed.
 * @returns undefined without a limit.
 */
export function readGroupRoom(read: ReadSystemFile): number | undefined {
  const own = read('/proc/self/cgroup') ?? '';
  const rooms = VERSIONS.flatMap(({ line, mounts, files, stated }) => {
    const path = line.exec(own)?.[1] ?? '/';
    return mounts.flatMap((mount) =>
      listFolders(mount, path).flatMap((folder) => {
        const limit = toNumber(read(`${folder}/${files.limit}`));
        const used = toNumber(read(`${folder}/${files.used}`));
        if (limit === undefined || used === undefined || limit >= NO_LIMIT) return [];
        const stat = read(`${folder}/memory.stat`) ?? '';
        const count = (name: RegExp): number => Number(name.exec(stat)?.[1] ?? 0);
        return [limit - used + Math.max(0, count(stated.cached) - count(stated.kept))];
      }),
    );
  });
  return rooms.length === 0 ? undefined : Math.min(...rooms);
}

/** The first version writes a number near 2^63 for no limit. */
const NO_LIMIT = 2 ** 60;

/** A group's folder and those above it. In a container the mount may begin at the group itself. */
function listFolders(mount: string, path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, count) => [mount, ...parts.slice(0, count)].join('/'));
}

function toNumber(text: string | undefined): number | undefined {
  const trimmed = text?.trim();
  return trimmed === undefined || !/^\d+$/.test(trimmed) ? undefined : Number(trimmed);
}
