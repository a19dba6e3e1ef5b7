import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CheckResult } from './run-check.ts';

export const REPORT_PATH = fileURLToPath(new URL('../../../docs/formal.md', import.meta.url));
const BEGIN = '<!-- results: npm run formal -- --deep --write -->';
const END = '<!-- end of results -->';

/** Returns the models that hold, one a row, with the number of their twins that broke; other outcomes get a row of their own. */
export function renderTable(results: readonly CheckResult[], deep: boolean): string {
  const isBrokenTwin = ({ expect, outcome }: CheckResult): boolean => expect === 'broken' && outcome === 'broken';
  const modelOf = ({ name }: CheckResult): string => name.split('.')[0] as string;
  const rows = results
    .filter((result) => !isBrokenTwin(result))
    .map((result) => {
      const { name, says, expect, outcome, detail, seconds } = result;
      const twins = results.filter((other) => isBrokenTwin(other) && modelOf(other) === name).length;
      return `| \`${name}\` | ${expect === 'broken' ? `broken on purpose: ${says}` : says} | ${outcome}${outcome === expect ? '' : ', NOT AS EXPECTED'} | ${detail} | ${seconds.toFixed(0)} s | ${twins === 0 ? '' : twins} |`;
    });
  const twins = results.filter(isBrokenTwin).length;
  return [
    `Bounds of ${deep ? 'a deep run' : 'CI'}. The search broke ${twins} twins, as it must; \`npm run formal -- --list\` names them.`,
    '',
    '| check | promise | result | search | time | broken twins |',
    '|---|---|---|---|---|---|',
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
