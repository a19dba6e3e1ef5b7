import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatPage } from './render-page.ts';
import type { DetectionResults } from './results.ts';
import { formatAttacksCsv, formatHonestCsv } from './results-csv.ts';
import { encodeResults, roundResults } from './results-json.ts';

/**
 * Writes the report: README.md, attacks.csv, honest.csv, results.json. Page and tables are made from the rounded figures
 * of results.json, so that they can be made again from it.
 * @returns paths of what was written.
 */
export async function renderDetection(results: DetectionResults, directory: string): Promise<readonly string[]> {
  const rounded = roundResults(results);
  const files: readonly (readonly [string, string])[] = [
    ['results.json', encodeResults(rounded)],
    ['attacks.csv', formatAttacksCsv(rounded.attacks)],
    ['honest.csv', formatHonestCsv(rounded.honest)],
    ['README.md', formatPage(rounded)],
  ];
  await mkdir(directory, { recursive: true });
  return Promise.all(
    files.map(async ([name, content]) => {
      const path = join(directory, name);
      await writeFile(path, content);
      return path;
    }),
  );
}
