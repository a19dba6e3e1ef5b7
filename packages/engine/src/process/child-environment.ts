/** The environment variables that a child gets. It runs native code on strangers' files, so it gets no tokens and keys. */
const PASSED_ON = [
  ...['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG', 'LD_LIBRARY_PATH', 'NODE_COMPILE_CACHE'],
  // Limits of the memory that glibc keeps.
  ...['MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_ARENA_MAX'],
  // Places of a GPU's drivers, and of the files that CUDA has compiled.
  ...['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'CUDA_CACHE_PATH', 'CUDA_CACHE_MAXSIZE'],
];

/** @param added variables of the back end. */
export function pickEnvironment(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const passed = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(passed), ...added };
}
