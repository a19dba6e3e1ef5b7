import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../steps.ts';
import { LEVERS } from './levers.ts';
import { CONSEQUENCES_PAGE, formatGroups, replaceTable } from './page.ts';
import { findMissingPlaces, findUnnamedFiles, findUsers, readSources, type SourceFile } from './places.ts';
import { CONSEQUENCES } from './rows.ts';

const sources = readSources();
const allRows = CONSEQUENCES.flatMap(({ rows }) => rows);
const row = {
  ...{ cause: 'A party is silent.', control: 'party', cost: '1 | 2', effect: 'None.', bound: 'None.' },
  places: ['packages/a/src/a.ts#moveStake'],
};
const mover: SourceFile = { path: 'packages/a/src/a.ts', code: 'export function moveStake() {}' };
const caller: SourceFile = { path: 'packages/a/src/b.ts', code: 'moveStake(payee);' };
const levers = [{ name: 'moveStake', moves: 'a stake' }];

/** The anchor of a heading. */
const toAnchor = (heading: string): string =>
  heading
    .replaceAll('`', '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function hasAnchor(target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const page = path === '' ? CONSEQUENCES_PAGE : join(dirname(CONSEQUENCES_PAGE), path);
  if (!existsSync(join(root, page))) return false;
  const headings = [...readFileSync(join(root, page), 'utf8').matchAll(/^#+ (.*)$/gm)].map(
    ([, text]) => text as string,
  );
  return anchor === undefined || headings.map(toAnchor).includes(anchor);
}

describe('the table of consequences', () => {
  it('names places that exist', () => {
    expect(findMissingPlaces(allRows, sources)).toEqual([]);
  });

  it('names every file that moves something', () => {
    expect(findUnnamedFiles(allRows, sources, LEVERS)).toEqual([]);
  });

  it('has a user of each lever', () => {
    expect(LEVERS.filter(({ name }) => findUsers(sources, name).length === 0)).toEqual([]);
  });

  it.each(LEVERS)('names a file if the rows of $name are left out', (lever) => {
    const users = new Set(findUsers(sources, lever.name));
    const rest = allRows.filter(({ places }) => !places.some((place) => users.has(place.split('#')[0] as string)));
    expect(findUnnamedFiles(rest, sources, [lever])).toHaveLength(users.size);
  });

  it('gives a place and a link that exists in each row', () => {
    expect(allRows.filter(({ places }) => places.length === 0)).toEqual([]);
    const targets = allRows.map(({ bound }) => [...bound.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to as string));
    expect(allRows.filter((_row, i) => targets[i]?.length === 0)).toEqual([]);
    expect(targets.flat().filter((target) => !hasAnchor(target))).toEqual([]);
  });

  it('states each cause once', () => {
    const causes = allRows.map(({ cause }) => cause);
    expect(causes.filter((cause, i) => causes.indexOf(cause) < i)).toEqual([]);
  });
});

describe('findUnnamedFiles', () => {
  it('names a file that calls a lever and stands in no row', () => {
    expect(findUnnamedFiles([row], [mover, caller], levers)).toEqual([
      'packages/a/src/b.ts uses moveStake, and so moves a stake; add it to a row',
    ]);
  });

  it('passes over longer names and other methods', () => {
    const others = ['removeStake(payee);', 'moveStakes(payee);', 'untaken.noted(key);'];
    const files = others.map((code, i) => ({ path: `packages/a/src/${i}.ts`, code }));
    expect(findUnnamedFiles([], files, [...levers, { name: 'untaken.note', moves: 'offers' }])).toEqual([]);
  });
});

describe('findMissingPlaces', () => {
  it.each([
    ['another file', 'packages/a/src/c.ts#moveStake'],
    ['another symbol', 'packages/a/src/a.ts#moveMoney'],
    ['no symbol', 'packages/a/src/a.ts'],
    ['an empty symbol', 'packages/a/src/a.ts#'],
  ])('finds %s', (_name, place) => {
    expect(findMissingPlaces([row, { ...row, places: [place] }], [mover])).toEqual([place]);
  });
});

describe('the page', () => {
  const table = formatGroups([{ title: 'Stakes', rows: [row] }]);

  it('has a table of each group, whose cells stay apart', () => {
    expect(table).toContain('### Stakes\n\n| cause |');
    expect(table).toContain('| A party is silent. | party | 1 \\| 2 | None. | None. |\n');
    expect(formatGroups(CONSEQUENCES).match(/^### /gm)).toHaveLength(CONSEQUENCES.length);
  });

  it('gets the table between two marks, again and again', () => {
    const page = 'Before.\n\n<!-- consequences -->\nold\n<!-- consequences -->\n\nBehind.\n';
    const once = replaceTable(page, table);
    expect(once).toBe(`Before.\n\n<!-- consequences -->\n\n${table}\n<!-- consequences -->\n\nBehind.\n`);
    expect(replaceTable(once, table)).toBe(once);
  });

  it.each([0, 1, 3])('is refused with %i marks', (count) => {
    expect(() => replaceTable('<!-- consequences -->\n'.repeat(count), table)).toThrow('exactly twice');
  });
});
