import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTRACTS } from './tested-copy.ts';

const page = join(CONTRACTS, '../docs/contracts.md');

/** Whether a row says that nothing is missing: all lines and branches, or all mutants. */
const isFull = (row: string): boolean =>
  row
    .split('|')
    .slice(2, -1)
    .every((cell) => /^(100\.0 % of \d+|- of 0|(\d+) of \2)$/.test(cell.trim()));

/** Puts rows into a table of the page, each in the place of the row of the same file. Other rows stay. A file without a gap gets no row. */
export function placeRows(text: string, name: string, rows: ReadonlyMap<string, readonly string[]>): string {
  const begin = `<!-- ${name} -->\n`;
  const [before, table, after, ...more] = text.split(begin);
  if (before === undefined || table === undefined || after === undefined || more.length > 0) {
    throw new Error(`the page has no table between two marks ${begin.trim()}`);
  }
  const [title, rule, ...old] = table.trim().split('\n');
  const cells = new Map(old.map((row) => [row.split('|')[1]?.trim() ?? '', row]));
  for (const [file, values] of rows) cells.set(file, `| ${[file, ...values].join(' | ')} |`);
  const sum = cells.get('all');
  cells.delete('all');
  const sorted = [...cells]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row)
    .filter((row) => !isFull(row));
  return [before, [title, rule, ...sorted, ...(sum === undefined ? [] : [sum]), ''].join('\n'), after].join(begin);
}

export function writeTable(name: string, rows: ReadonlyMap<string, readonly string[]>): void {
  writeFileSync(page, placeRows(readFileSync(page, 'utf8'), name, rows));
}
