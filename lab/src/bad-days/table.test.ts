import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatFaults, type NamedTest, parseComplaintTests, parseFaults } from './table.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const faults = parseFaults(read('lab/src/bad-days/faults.tsv'));
const complaintTests = parseComplaintTests(read('lab/src/bad-days/complaints.tsv'));

const hasTest = (code: string, name: string): boolean =>
  ["'", '"'].some((quote) => code.includes(quote + name + quote));

/** Returns tests, as `file: name`, whose file has no test of that name. */
const findStale = (tests: readonly NamedTest[]): string[] =>
  tests
    .filter(({ file, name }) => !existsSync(join(root, file)) || !hasTest(read(file), name))
    .map(({ file, name }) => `${file}: ${name}`);

/** Returns the numbers of a page's complaints that have an answer and at least one test. */
const listAnswered = (page: string): number[] =>
  [...page.matchAll(/^\| (\d+) \| [^|]{10,} \| [^|]{10,} \|$/gm)]
    .map(([, number]) => number as string)
    .filter((number) => complaintTests.has(number))
    .map(Number);

describe('docs/bad-days.md', () => {
  it('names tests that exist', () => {
    expect(faults.length).toBeGreaterThan(100);
    expect(findStale(faults.flatMap(({ tests }) => tests))).toEqual([]);
  });

  it('is what faults.tsv says', () => expect(read('docs/bad-days.md')).toBe(formatFaults(faults)));
});

describe('docs/complaints.md', () => {
  it('names tests that exist', () => expect(findStale([...complaintTests.values()].flat())).toEqual([]));

  it('has fifteen complaints, each with an answer and a test', () => {
    const page = read('docs/complaints.md');
    expect(listAnswered(page)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(page.match(/^\| \d+ \|/gm)).toHaveLength(15);
  });
});

describe('the check of these pages', () => {
  it('fails for a test that does not exist', () => {
    // Assembled here, because otherwise this file would contain the name in quotes.
    const name = ['a test that no', 'one wrote'].join('');
    expect(findStale([{ file: 'lab/src/bad-days/table.test.ts', name }])).toHaveLength(1);
    expect(findStale([{ file: 'lab/src/bad-days/no-such.test.ts', name: 'names tests that exist' }])).toHaveLength(1);
    expect(findStale([{ file: 'lab/src/bad-days/table.test.ts', name: 'names tests that exist' }])).toEqual([]);
  });

  it.each(['## Part\nfault\teffect\n', '\tfile\ttest\n', '## Part\nfault\t\n'])('refuses the table %j', (text) => {
    expect(() => parseFaults(text)).toThrow();
  });

  it('fails for a complaint without an answer or a test', () => {
    expect(listAnswered('| 15 | It is slow. | |')).toEqual([]);
    expect(listAnswered('| 16 | It is very slow. | It is not slow. |')).toEqual([]);
    expect(() => parseComplaintTests('16\tfile\n')).toThrow();
  });
});
