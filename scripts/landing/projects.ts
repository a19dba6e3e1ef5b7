/** The Vitest projects. The ending of a test file decides to which one it belongs; `*.test.ts` alone is fast. */
export const PROJECTS = ['fast', 'process', 'simulation', 'model', 'e2e'] as const;

const FOLDERS = /^(?:packages\/[^/]+\/src|apps\/[^/]+\/src|lab\/src|scripts)\//;
const ENDING = /(?:\.(process|simulation|model|e2e))?\.test\.ts$/;

/** Returns the project of a test file, or undefined if the path is no test file. */
export function projectOf(path: string): string | undefined {
  if (!FOLDERS.test(path)) return undefined;
  const match = ENDING.exec(path);
  return match === null ? undefined : (match[1] ?? 'fast');
}
