// Checks that each folder has at most 30 source files, so that a reader can survey it. Tests and fixtures do not count: they stand beside
// the code that they test.
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './steps.ts';

const MAX_SOURCES = 30;
const SOURCE = /\.(?:tsx?|mjs|py|sol)$/;
const TEST = /\.(?:test|fuzz)\.tsx?$|-fixture\.ts$|\.t\.sol$|(?:^|\/)(?:tests?|generated)\//;

/** Returns one line for each folder that holds too many source files. @param paths relative to the repository, with forward slashes. */
export function findCrowdedFolders(paths: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    if (SOURCE.test(path) && !TEST.test(path)) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > MAX_SOURCES)
    .map(([folder, count]) => `${folder}: ${count} source files, at most ${MAX_SOURCES}; divide them by subject`)
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const crowded = findCrowdedFolders(list.split('\n'));
  for (const line of crowded) console.error(line);
  console.log(`folders: ${crowded.length === 0 ? 'each has room' : `${crowded.length} are crowded`}`);
  process.exitCode = crowded.length === 0 ? 0 : 1;
}
