import type { Finding } from './rules.ts';

/** Findings by file and rule; the key is `path<TAB>rule`. */
export type Counts = ReadonlyMap<string, number>;

export interface Baseline {
  /** Subjects of later commits are checked. */
  readonly since: string;
  readonly counts: Counts;
}

/** Parses `since <commit>` and lines of path, rule and count. */
export function parseBaseline(text: string): Baseline {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const since = /^since ([0-9a-f]{40})$/.exec(first)?.[1];
  if (since === undefined) throw new Error('The first line of baseline.txt must be "since" and a full commit hash.');
  const counts = lines.map((line): [string, number] => {
    const match = /^([^\t]+\t[a-z]+)\t([1-9]\d*)$/.exec(line);
    if (match === null) throw new Error(`baseline.txt needs path, rule and count between tabs, not "${line}".`);
    return [match[1] as string, Number(match[2])];
  });
  return { since, counts: new Map(counts) };
}

export function formatBaseline({ since, counts }: Baseline): string {
  const lines = [...counts].filter(([, count]) => count > 0).map(([key, count]) => `${key}\t${count}`);
  return `${[`since ${since}`, ...lines.sort((a, b) => (a < b ? -1 : 1))].join('\n')}\n`;
}

export function countFindings(findings: readonly Finding[]): Counts {
  const counts = new Map<string, number>();
  for (const { path, rule } of findings) counts.set(`${path}\t${rule}`, (counts.get(`${path}\t${rule}`) ?? 0) + 1);
  return counts;
}

/** Keys whose count differs from the baseline, sorted. */
export function compareCounts(baseline: Counts, now: Counts): { above: string[]; below: string[] } {
  const keys = [...new Set([...baseline.keys(), ...now.keys()])].sort();
  const difference = (key: string): number => (now.get(key) ?? 0) - (baseline.get(key) ?? 0);
  return { above: keys.filter((key) => difference(key) > 0), below: keys.filter((key) => difference(key) < 0) };
}

const moveKey = (key: string): string => key.slice(key.lastIndexOf('/', key.indexOf('\t')) + 1);
const pathOf = (key: string): string => key.slice(0, key.indexOf('\t'));

/**
 * Lowers a baseline to the present counts; it never raises a sum. A moved file keeps the allowance of the vanished file that had its name.
 * @param isPresent whether the check still reads this path.
 */
export function lowerBaseline(baseline: Counts, now: Counts, isPresent: (path: string) => boolean): Counts {
  const known = new Set([...baseline.keys()].map(pathOf));
  const freed = new Map<string, number>();
  for (const [key, count] of baseline) {
    if (!isPresent(pathOf(key))) freed.set(moveKey(key), (freed.get(moveKey(key)) ?? 0) + count);
  }
  const lowered = new Map<string, number>();
  for (const key of [...now.keys()].sort()) {
    const count = now.get(key) ?? 0;
    const allowed = known.has(pathOf(key)) ? (baseline.get(key) ?? 0) : (freed.get(moveKey(key)) ?? 0);
    const kept = Math.min(count, allowed);
    if (!known.has(pathOf(key))) freed.set(moveKey(key), allowed - kept);
    if (kept > 0) lowered.set(key, kept);
  }
  return lowered;
}
