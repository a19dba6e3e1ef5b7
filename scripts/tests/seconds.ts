import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PARTS } from './parts.ts';

/**
 * Expected times on two quiet processors. They decide how much fits into a landing, which file starts first, and the time that is printed.
 * A whole run leaves no test out because of them.
 */
export interface ExpectedSeconds {
  /** Seconds of a usual file of a part. */
  readonly usual: Readonly<Record<string, number>>;
  /** Seconds of slow units, by name. */
  readonly slow: Readonly<Record<string, number>>;
}

/** Units that took at least so long have a row of their own. */
const SLOW_SECONDS = 10;

const PATH = 'scripts/tests/seconds.json';

export const readExpectedSeconds = (root: string): ExpectedSeconds =>
  JSON.parse(readFileSync(join(root, PATH), 'utf8')) as ExpectedSeconds;

export const expectSeconds = ({ usual, slow }: ExpectedSeconds, unit: { name: string; part: string }): number =>
  slow[unit.name] ?? usual[unit.part] ?? 0;

/** The measured time of a unit. */
export interface MeasuredUnit {
  readonly name: string;
  readonly part: string;
  readonly seconds: number;
}

/** Returns the table of a whole run. Units that did not run keep their rows. */
export function updateExpectedSeconds(
  before: ExpectedSeconds,
  measured: readonly MeasuredUnit[],
  known: ReadonlySet<string>,
): ExpectedSeconds {
  const round = (seconds: number): number =>
    seconds < SLOW_SECONDS ? Math.round(seconds * 10) / 10 : Math.round(seconds);
  const ran = new Set(measured.map(({ name }) => name));
  const isSlow = ({ name, seconds }: MeasuredUnit): boolean => name.startsWith(':') || seconds >= SLOW_SECONDS;
  const kept = Object.entries(before.slow).filter(([name]) => known.has(name) && !ran.has(name));
  const slow = [...kept, ...measured.filter(isSlow).map(({ name, seconds }) => [name, round(seconds)] as const)];
  const usual = Object.entries(PARTS).flatMap(([part, { project }]) => {
    if (project === undefined) return [];
    const files = measured.filter((unit) => unit.part === part && !isSlow(unit));
    if (files.length === 0) return [[part, before.usual[part] ?? 1] as const];
    return [[part, round(files.reduce((sum, { seconds }) => sum + seconds, 0) / files.length)] as const];
  });
  return { usual: Object.fromEntries(usual), slow: Object.fromEntries(slow.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

export function writeExpectedSeconds(root: string, table: ExpectedSeconds): void {
  writeFileSync(join(root, PATH), `${JSON.stringify(table, null, 2)}\n`);
}
