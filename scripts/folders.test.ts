import { expect, it } from 'vitest';
import { findCrowdedFolders } from './folders.ts';

const fill = (count: number, name: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => name(i));

it('refuses the 31st source file of a folder', () => {
  const thirty = fill(30, (i) => `packages/a/src/b/file-${i}.ts`);
  expect(findCrowdedFolders(thirty)).toEqual([]);
  expect(findCrowdedFolders([...thirty, 'packages/a/src/b/one-more.ts'])).toEqual([
    'packages/a/src/b: 31 source files, at most 30; divide them by subject',
  ]);
});

it('counts contracts, and not the folder of their tests', () => {
  const contracts = fill(31, (i) => `contracts/src/C${i}.sol`);
  const tests = fill(31, (i) => `contracts/test/C${i}.t.sol`);
  expect(findCrowdedFolders([...contracts, ...tests])).toEqual([
    'contracts/src: 31 source files, at most 30; divide them by subject',
  ]);
});

it('counts neither tests nor folders below', () => {
  const sources = fill(30, (i) => `contracts/scripts/file-${i}.ts`);
  const others = ['contracts/scripts/base/types.ts', 'contracts/test/A.test.ts', 'packages/a/src/b.test.ts'];
  expect(findCrowdedFolders([...sources, ...others])).toEqual([]);
});
