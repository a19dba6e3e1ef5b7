import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readPage = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');

/** Rows, as `file: test`, whose file has no test of that name. */
function findStale(table: string): string[] {
  const rows = [...table.matchAll(/\| `([^`]+)` \| ([^|]+) \|$/gm)];
  if (rows.length === 0) return ['the table has no rows'];
  return rows
    .map(([, file, name]) => ({ file: file as string, name: (name as string).trim() }))
    .filter(({ file, name }) => {
      const path = join(root, file);
      return !existsSync(path) || !readFileSync(path, 'utf8').includes(`'${name}'`);
    })
    .map(({ file, name }) => `${file}: ${name}`);
}

/** Rows of a page's tables that name no test at all. */
const findBare = (page: string): string[] =>
  page.split('\n').filter((line) => /^\| (\d+|\+|) ?\| /.test(line) && !/\| `[^`]+` \| [^|]+ \|$/.test(line.trim()));

describe.each(['bad-days.md', 'complaints.md'])('docs/%s', (name) => {
  it('names tests that exist', () => {
    expect(findStale(readPage(name))).toEqual([]);
  });
});

describe('docs/complaints.md', () => {
  it('has fifteen complaints, each with an answer and a test', () => {
    const page = readPage('complaints.md');
    const rows = [...page.matchAll(/^\| (\d+) \| [^|]{10,} \| [^|]{10,} \| `[^`]+` \| [^|]+ \|$/gm)];
    expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(findBare(page).filter((line) => !line.includes('complaint |'))).toEqual([]);
  });
});

describe('the check of these pages', () => {
  it('fails for a test that does not exist', () => {
    const row = '| fault | effect | `lab/src/bad-days/table.test.ts` | a test that nobody wrote |';
    // Assembled here, because otherwise this file would contain the name in quotes.
    expect(findStale(row.replace('nobody', ['no', 'one'].join('')))).toHaveLength(1);
    expect(findStale('')).toHaveLength(1);
  });

  it('fails for a complaint without a test', () => {
    expect(findBare('| 16 | It is slow. | It is not. | | |')).toHaveLength(1);
  });
});
