import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Path of the record below the root of the repository. */
export const RECORD_PATH = 'scripts/landing/record.json';

/** The last green run of a test file or of a whole part. */
export interface GreenRun {
  /** Hash of the inputs. */
  readonly hash: string;
  /** Duration of the run. */
  readonly seconds: number;
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that were skipped. */
  readonly skipped: number;
  /** Programs that the machine had, if tests were skipped. */
  readonly programs: readonly string[];
}

/** Green runs by test file, and by part with a `:` in front. */
export type LandingRecord = ReadonlyMap<string, GreenRun>;

type Row = readonly [hash: string, seconds: number, passed: number, skipped?: number, programs?: string];

/** A missing file is an empty record. So is one that cannot be read: then everything runs. */
export function readRecord(root: string): LandingRecord {
  const path = join(root, RECORD_PATH);
  return existsSync(path) ? parseRecord(readFileSync(path, 'utf8')) : new Map();
}

export function parseRecord(text: string): LandingRecord {
  const record = new Map<string, GreenRun>();
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    return record;
  }
  if (rows === null || typeof rows !== 'object') return record;
  for (const [name, row] of Object.entries(rows)) {
    const run = parseRow(row);
    if (run !== undefined) record.set(name, run);
  }
  return record;
}

function parseRow(row: unknown): GreenRun | undefined {
  if (!Array.isArray(row)) return undefined;
  const [hash, seconds, passed, skipped = 0, programs = ''] = row as unknown as Row;
  if (typeof hash !== 'string' || typeof programs !== 'string') return undefined;
  if (![seconds, passed, skipped].every((value) => Number.isFinite(value) && value >= 0)) return undefined;
  return { hash, seconds, passed, skipped, programs: programs.split(' ').filter(Boolean) };
}

/** One line for each name, sorted. Every line ends with a comma, and the last holds no run, so Git can merge two records line by line. */
export function formatRecord(record: LandingRecord): string {
  const lines = [...record]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, run]) => `${JSON.stringify(name)}:${formatRow(run)},`);
  return `{\n${lines.join('\n')}${lines.length > 0 ? '\n' : ''}"~end":0}\n`;
}

function formatRow({ hash, seconds, passed, skipped, programs }: GreenRun): string {
  const start = [hash, Math.round(seconds * 10) / 10, passed];
  return JSON.stringify(skipped === 0 ? start : [...start, skipped, [...programs].sort().join(' ')]);
}

/** Replaces the record in one step: an interrupted run leaves the old one. */
export function writeRecord(root: string, record: LandingRecord): void {
  const path = join(root, RECORD_PATH);
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, formatRecord(record));
  renameSync(temporary, path);
}
