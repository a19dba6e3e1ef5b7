import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { EVERYTHING, type InputFinder, joinFinder } from './inputs.ts';
import { isCode, readCode } from './read-code.ts';
import { indexFiles } from './tracked-files.ts';

const FILES = {
  'packages/a/src/a.test.ts': "import { a } from './a.ts';\nimport type { B } from './b.ts';\na();\n",
  'packages/a/src/a.ts':
    "import { c } from './c.ts';\nexport const a = () => c(new URL('../data/', import.meta.url));\n",
  'packages/a/src/b.ts': 'export type B = 1;\n',
  'packages/a/src/c.ts': "export const c = (x: URL) => [x, new URL('./child.ts', import.meta.url)];\n",
  'packages/a/src/child.ts': "import './grandchild.ts';\n",
  'packages/a/src/grandchild.ts': 'console.log(1);\n',
  'packages/a/data/one.json': '1',
};

async function makeFinder(
  change: Readonly<Record<string, string>> = {},
  { globals = [], untracked = {} }: { globals?: readonly string[]; untracked?: Readonly<Record<string, string>> } = {},
): Promise<InputFinder> {
  const root = mkdtempSync(join(tmpdir(), 'ogong-inputs-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const files = { ...FILES, ...change };
  for (const [path, text] of Object.entries({ ...files, ...untracked })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const tracked = indexFiles(root, Object.keys(files));
  const code = await readCode(root, [...tracked.paths].filter(isCode));
  return joinFinder({ tracked, exports: new Map(), code, globals });
}

const TEST = 'packages/a/src/a.test.ts';
const hash = async (...options: Parameters<typeof makeFinder>): Promise<string> => {
  const finder = await makeFinder(...options);
  return finder.hash(finder.find([TEST]));
};

it('inputs are the modules that run, the programs they start, and the files of directories that they name', async () => {
  const finder = await makeFinder();
  expect(finder.find([TEST])).toEqual([
    'code:packages/a/src/a.test.ts',
    'code:packages/a/src/a.ts',
    'code:packages/a/src/c.ts',
    'code:packages/a/src/child.ts',
    'code:packages/a/src/grandchild.ts',
    'packages/a/data/one.json',
    'packages/a/src/child.ts',
  ]);
  expect(finder.find([TEST], [EVERYTHING])).toEqual(expect.arrayContaining(Object.keys(FILES)));
  expect(() => finder.find([TEST], ['notes/gone.md'])).toThrow('no tracked file or directory: notes/gone.md');
});

it.each([
  ['packages/a/src/a.ts', `${FILES['packages/a/src/a.ts']}export const more = 1;\n`],
  ['packages/a/src/grandchild.ts', 'console.log(2);\n'],
  ['packages/a/data/one.json', '2'],
  ['packages/a/data/two.json', '1'],
])('a change of %s changes the hash', async (path, text) => {
  expect(await hash({ [path]: text })).not.toBe(await hash());
});

it.each([
  ['a comment', { 'packages/a/src/a.ts': `// Why.\n${FILES['packages/a/src/a.ts']}` }],
  ['white space', { 'packages/a/src/c.ts': FILES['packages/a/src/c.ts'].replaceAll(' ', '  ') }],
  ['a type', { 'packages/a/src/b.ts': 'export type B = 2;\n' }],
  ['a file that nothing names', { 'notes/other.md': 'x' }],
])('%s does not change the hash', async (_what, change) => {
  expect(await hash(change)).toBe(await hash());
});

it('files that git does not track do not count, and the place of the repository neither', async () => {
  expect(await hash({}, { untracked: { 'packages/a/data/three.json': '3' } })).toBe(await hash());
});

it('versions change every hash', async () => {
  expect(await hash({}, { globals: ['node v24'] })).not.toBe(await hash({}, { globals: ['node v25'] }));
});
