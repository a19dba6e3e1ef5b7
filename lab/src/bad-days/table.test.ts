import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

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

describe('docs/bad-days.md', () => {
  it('names tests that exist', () => {
    expect(findStale(readFileSync(join(root, 'docs', 'bad-days.md'), 'utf8'))).toEqual([]);
  });

  it('fails for a test that does not exist', () => {
    const row = '| fault | effect | `lab/src/bad-days/table.test.ts` | a test that nobody wrote |';
    // Assembled here, because otherwise this file would contain the name in quotes.
    expect(findStale(row.replace('nobody', ['no', 'one'].join('')))).toHaveLength(1);
    expect(findStale('')).toHaveLength(1);
  });
});
