import { expect, it } from 'vitest';
import { findParserProblems } from './parsers.ts';

it('finds a parser without a row, and a row without a parser', () => {
  const sources = [
    {
      file: 'protocol/src/a.ts',
      text: 'export function parseA(bytes: Uint8Array): A {\n}\nexport const decodeB: B = c.decode;',
    },
    { file: 'protocol/src/a.test.ts', text: 'export function parseTest() {}' },
    { file: 'protocol/src/generated/a.ts', text: 'export function parseGenerated() {}' },
    { file: 'cli/src/a.ts', text: 'export function parseTyped() {}' },
    { file: 'host/src/a.ts', text: 'function parseOwn() {}\nexport function parser() {}' },
  ];
  const table = 'packages/testing/src/parsers/table.ts';
  expect(
    findParserProblems(
      sources,
      new Set(['protocol/src/a.ts parseA', 'host/src/a.ts parseOld', 'host/src/a.ts readFile']),
    ),
  ).toEqual([
    `packages/host/src/a.ts parseOld is in ${table} and does not exist`,
    `packages/protocol/src/a.ts decodeB has no row in ${table}`,
  ]);
});
