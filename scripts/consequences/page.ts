import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../steps.ts';
import type { Consequence, ConsequenceGroup } from './consequence.ts';
import { CONSEQUENCES } from './rows.ts';

/** The page with the table. */
export const CONSEQUENCES_PAGE = 'docs/spec/silence.md';

const MARK = '<!-- consequences -->';
const HEAD = '| cause | controlled by | cost of the cause | effect on others | bound |\n|---|---|---|---|---|\n';

/** docs/spec/silence.md, with the table in place of the earlier one. */
export const formatConsequencesPage = (): string =>
  replaceTable(readFileSync(join(root, CONSEQUENCES_PAGE), 'utf8'), formatGroups(CONSEQUENCES));

/** @throws Error unless the page has the mark exactly twice. */
export function replaceTable(page: string, table: string): string {
  const [before, , after, ...more] = page.split(MARK);
  if (after === undefined || more.length > 0) throw new Error(`${CONSEQUENCES_PAGE} needs ${MARK} exactly twice`);
  return `${before}${MARK}\n\n${table}\n${MARK}${after}`;
}

export const formatGroups = (groups: readonly ConsequenceGroup[]): string =>
  groups.map(({ title, rows }) => `### ${title}\n\n${HEAD}${rows.map(formatRow).join('')}`).join('\n');

const formatRow = ({ cause, control, cost, effect, bound }: Consequence): string =>
  `| ${[cause, control, cost, effect, bound].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
