import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CheckResult } from './run-check.ts';

export const REPORT_PATH = fileURLToPath(new URL('../../../docs/formal.md', import.meta.url));
const BEGIN = '<!-- results: npm run formal -- --deep --write -->';
const END = '<!-- end of results -->';

export function renderTable(results: readonly CheckResult[], deep: boolean): string {
  const rows = results.map(
    ({ name, says, expect, outcome, detail, seconds }) =>
      `| \`${name}\` | ${expect === 'broken' ? `broken on purpose: ${says}` : says} | ${outcome}${outcome === expect ? '' : ', NOT AS EXPECTED'} | ${detail} | ${seconds.toFixed(0)} s |`,
  );
  return [
    `Bounds of ${deep ? 'a deep run' : 'CI'}; times are of one run, beside other work.`,
    '',
    '| check | says | result | search | time |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** Puts the table between the marks of docs/formal.md. */
export function placeTable(page: string, table: string): string {
  const [head, rest] = page.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined) throw new Error(`docs/formal.md lacks ${BEGIN} or ${END}`);
  return `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`;
}

export function writeTable(table: string): void {
  writeFileSync(REPORT_PATH, placeTable(readFileSync(REPORT_PATH, 'utf8'), table));
}
