/**
 * Environment variables that make glibc return freed memory to the kernel. Its limits otherwise grow with the largest block that was freed,
 * and a process keeps what its start needed once. Other C libraries ignore them.
 */
export const SMALL_HEAP: Readonly<Record<string, string>> = {
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_ARENA_MAX: '2',
};
