import type { DetectionResults } from '../results.ts';
import { compareText } from '../standing.ts';
import { isPackedTable, isRow, packTable, unpackTable } from './packed-table.ts';

/**
 * Encodes results as JSON whose text depends on the results only, so a second run differs only in changed figures. Keys are sorted.
 * Fractions have six significant digits. A row of a table has one line, below the names of its fields.
 * @throws RangeError naming each figure that is not finite. JSON has no such numbers, and a page must not show one.
 */
export function encodeResults(results: DetectionResults): string {
  const wrong = findNonFinite(results);
  if (wrong.length > 0) throw new RangeError(`not finite: ${wrong.join(', ')}`);
  return `${encode(results)}\n`;
}

/** @throws if the text is not JSON or has another version. The result has the schema docs/schema/detection.schema.json. */
export function parseResults(text: string): DetectionResults {
  const read = JSON.parse(text) as DetectionResults;
  if (read?.version !== 5) throw new Error(`detection results of version ${read?.version}, this code reads 5`);
  const parts = Object.entries(read).map(([name, part]) => [name, isPackedTable(part) ? unpackTable(part) : part]);
  return Object.fromEntries(parts) as DetectionResults;
}

/** Rounds results as results.json does, so that the page shows the same figures. */
export function roundResults(results: DetectionResults): DetectionResults {
  return parseResults(encodeResults(results));
}

/** Paths of figures that are NaN or infinite. */
export function findNonFinite(value: unknown, path = 'results'): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} is ${value}`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    findNonFinite(each, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`),
  );
}

/** Fields about time, machine and code version, which differ between equal runs. */
const PASSING: ReadonlySet<string> = new Set(['elapsedS', 'day', 'machine', 'code', 'usPerToken']);

/** Paths of figures in which two runs differ, except PASSING ones. Two evaluations of the same samples give none. */
export function listChanges(before: DetectionResults, after: DetectionResults): string[] {
  const timed = (results: DetectionResults): DetectionResults => ({
    ...roundResults(results),
    aims: results.aims.filter(({ aim }) => !aim.includes('microseconds')),
  });
  return listUnequal(timed(before), timed(after), 'results');
}

function listUnequal(a: unknown, b: unknown, path: string): string[] {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b) ? [] : [`${path}: ${JSON.stringify(a)} -> ${JSON.stringify(b)}`];
  }
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !PASSING.has(key));
  return keys.flatMap((key) =>
    listUnequal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`),
  );
}

/** Puts each part of the results, and each row of a table, on its own line. */
function encode(results: DetectionResults): string {
  const parts = sortFields(results).map(([key, value]) => `${JSON.stringify(key)}: ${encodePart(value)}`);
  return `{\n${parts.join(',\n')}\n}`;
}

function encodePart(part: unknown): string {
  const isTable = Array.isArray(part) && part.length > 0 && part.every(isRow);
  if (!isTable) return encodeValue(part);
  // As they are once encoded: absent fields are gone.
  const { fields, rows } = packTable(JSON.parse(encodeValue(part)));
  return `{"fields":${encodeValue(fields)},"rows":[\n${rows.map(encodeValue).join(',\n')}\n]}`;
}

function encodeValue(value: unknown): string {
  if (typeof value === 'number') return String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(encodeValue).join(',')}]`;
  return `{${sortFields(value)
    .map(([key, each]) => `${JSON.stringify(key)}:${encodeValue(each)}`)
    .join(',')}}`;
}

const sortFields = (value: object): [string, unknown][] =>
  Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => compareText(a, b));
