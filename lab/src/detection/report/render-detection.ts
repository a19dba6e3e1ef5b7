import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EqualityRun, parseRun } from '../../equality/run-file.ts';
import { withConversations } from '../aims/aims.ts';
import type { DetectionResults } from '../results.ts';
import { drawFigure } from './draw-figure.ts';
import { listFigures } from './list-figures.ts';
import { CONVERSATIONS, formatDetails, PLOTS } from './render-details.ts';
import { formatPage } from './render-page.ts';
import { formatHonestCsv } from './results-csv.ts';
import { encodeResults, roundResults } from './results-json.ts';

/**
 * Writes the report: README.md and its detail pages, honest.csv, results.json, and the plots as SVG. Everything is
 * made from the rounded figures of results.json, so that this file suffices to make it again. It deletes plots of an earlier
 * run and includes the results of `npm run equality` that lie there.
 * @returns the written paths.
 */
export async function renderDetection(results: DetectionResults, directory: string): Promise<readonly string[]> {
  const found = await readConversations(directory);
  const rounded = roundResults(found.length === 0 ? results : withConversations(results, found));
  const files: [name: string, content: string][] = [
    ['results.json', encodeResults(rounded)],
    ['honest.csv', formatHonestCsv(rounded.honest)],
    ['README.md', formatPage(rounded)],
    ...Object.entries(formatDetails(rounded)),
  ];
  for (const figure of listFigures(rounded)) {
    files.push([join(PLOTS, `${figure.name}.svg`), await drawFigure(figure)]);
  }
  await mkdir(join(directory, PLOTS), { recursive: true });
  const paths = files.map(([name]) => join(directory, name));
  await removeOthers(join(directory, PLOTS), paths);
  await Promise.all(files.map(([, content], i) => writeFile(paths[i] as string, content)));
  return paths;
}

/** The results of `npm run equality` in this directory. */
async function readConversations(directory: string): Promise<readonly EqualityRun[]> {
  const folder = join(directory, CONVERSATIONS);
  const names = existsSync(folder) ? (await readdir(folder)).filter((name) => name.endsWith('.json')).sort() : [];
  return Promise.all(names.map(async (name) => parseRun(await readFile(join(folder, name), 'utf8'))));
}

async function removeOthers(folder: string, kept: readonly string[]): Promise<void> {
  const found = (await readdir(folder)).filter((name) => /\.(svg|png)$/.test(name)).map((name) => join(folder, name));
  await Promise.all(found.filter((path) => !kept.includes(path)).map((path) => rm(path)));
}
