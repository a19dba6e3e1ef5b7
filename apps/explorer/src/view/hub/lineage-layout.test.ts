import { expect, it } from 'vitest';
import { layOutLineage } from './lineage-layout.ts';

const edge = (of: string, modelRoot: string, name?: string) => ({
  ...{ of, modelRoot, name },
  ...{ relation: 'merged-from', licence: 'MIT' },
});

it('places each model once, one column behind the first model that was made from it', () => {
  const root = '0xaa';
  const edges = [
    edge(root, '0xbb', 'acme/base'),
    edge(root, '0xcc'),
    edge('0xbb', '0xcc'),
    edge('0xcc', '0xdd'),
    // A ring, and a model that nothing leads to.
    edge('0xdd', root),
    edge('0xee', '0xff'),
  ];
  expect(layOutLineage({ model: 'acme/small', root, edges })).toEqual([
    { root, label: 'acme/small', column: 0, row: 0 },
    { root: '0xbb', label: 'acme/base', column: 1, row: 0 },
    { root: '0xcc', label: '0xcc', column: 1, row: 1 },
    { root: '0xdd', label: '0xdd', column: 2, row: 0 },
  ]);
});
