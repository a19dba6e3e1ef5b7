import { expect, it } from 'vitest';
import { CHECKS } from './checks.ts';
import { placeTable, renderTable } from './report.ts';

it('says it where a result is not as expected', () => {
  const result = { name: 'a', file: 'a.qnt', says: 'x', expect: 'broken', detail: 'd', seconds: 1 } as const;
  expect(renderTable([{ ...result, outcome: 'holds', asExpected: false }], false)).toContain('NOT AS EXPECTED');
  expect(renderTable([{ ...result, outcome: 'broken', asExpected: true }], false)).not.toContain('NOT AS EXPECTED');
});

it('counts the broken twins of a model in its row', () => {
  const result = { file: 'a.qnt', says: 'x', detail: 'd', seconds: 1, asExpected: true } as const;
  const model = { ...result, name: 'a', expect: 'holds', outcome: 'holds' } as const;
  const twin = { ...result, name: 'a.twin', expect: 'broken', outcome: 'broken' } as const;
  const table = renderTable([model, twin], false);
  expect(table).toContain('| `a` | x | holds | d | 1 s | 1 |');
  expect(table).toContain('broke 1 twins');
  expect(table).not.toContain('`a.twin`');
});

it('replaces what stands between the marks, and refuses a page without them', () => {
  const page = 'a\n<!-- results: npm run formal -- --deep --write -->\nold\n<!-- end of results -->\nb';
  expect(placeTable(page, 'new')).toBe(
    'a\n<!-- results: npm run formal -- --deep --write -->\n\nnew\n\n<!-- end of results -->\nb',
  );
  expect(() => placeTable('a', 'new')).toThrow('lacks');
});

it('has a broken twin for each model, and no name twice', () => {
  for (const file of new Set(CHECKS.map((check) => check.file)))
    expect(new Set(CHECKS.filter((check) => check.file === file).map((check) => check.expect)), file).toEqual(
      new Set(['holds', 'broken']),
    );
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
});
