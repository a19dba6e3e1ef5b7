import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Path of this machine's last results below the root of the repository. Git ignores it. */
const NIGHTLY_PATH = '.cache/nightly.json';

/** The last result of a part of the nightly run. */
export interface NightlyResult {
  readonly result: 'ok' | 'FAIL';
  readonly seconds: number;
  /** Day on which the part ended, as `2026-11-27`. */
  readonly day: string;
}

export type NightlyResults = Readonly<Record<string, NightlyResult>>;

/** A missing or damaged file has no results. */
export function readNightlyResults(root: string): NightlyResults {
  const path = join(root, NIGHTLY_PATH);
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as NightlyResults;
  } catch {
    return {};
  }
}

/** Adds one result. The file is replaced in one step. */
export function noteNightlyResult(root: string, name: string, result: NightlyResult): void {
  const rows = Object.entries({ ...readNightlyResults(root), [name]: result }).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = rows.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const path = join(root, NIGHTLY_PATH);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, `{\n${lines.join(',\n')}\n}\n`);
  renameSync(`${path}.${process.pid}`, path);
}

/**
 * Returns the table of parts: name, time, last result and title.
 * @param titles by the name of the part.
 */
export function formatNightlyTable(titles: Readonly<Record<string, string>>, results: NightlyResults): string {
  const rows = Object.entries(titles).map(([name, title]) => {
    const last = results[name];
    return last === undefined
      ? [name, '', 'never ran', '', title]
      : [name, `${(last.seconds / 60).toFixed(1)} min`, last.result, last.day, title];
  });
  const all = [['part', 'time', 'result', 'day', 'what it runs'], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
