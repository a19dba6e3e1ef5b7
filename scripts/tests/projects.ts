const FOLDERS = /^(?:packages\/[^/]+\/src|apps\/[^/]+\/src|lab\/src|scripts)\//;
const ENDING = /(?:\.(process|simulation|model|e2e))?\.test\.ts$/;

/**
 * Returns the Vitest project of a test file by its ending: `*.test.ts` alone is fast. Returns undefined if the path is no test file.
 */
export function projectOf(path: string): string | undefined {
  if (!FOLDERS.test(path)) return undefined;
  const match = ENDING.exec(path);
  return match === null ? undefined : (match[1] ?? 'fast');
}
