import type { FileResult } from '../test-notes.ts';
import type { TestCounts } from './count-output.ts';

const MAX_SLOWEST = 10;

/** Returns the slowest files of a run. */
export function formatSlowest(files: readonly FileResult[]): string {
  if (files.length === 0) return '';
  const slowest = [...files].sort((a, b) => b.seconds - a.seconds).slice(0, MAX_SLOWEST);
  const rows = slowest.map(({ file, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${file}`);
  return `slowest files:\n${rows.join('\n')}`;
}

/** Returns the last line of a landing. A file that failed without a failed test, such as in an import, counts as one. */
export function formatTotals(files: readonly FileResult[], parts: readonly TestCounts[]): string {
  const all: readonly TestCounts[] = [
    ...parts,
    ...files.map(({ passed, failed, skipped, isGreen }) => ({
      passed,
      skipped,
      failed: isGreen ? 0 : Math.max(1, failed),
    })),
  ];
  const sum = (key: keyof TestCounts): number => all.reduce((total, counts) => total + counts[key], 0);
  return `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
}
