import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { EVERYTHING, joinFinder } from './inputs.ts';
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

it('inputs are the modules that run, the programs they start, and the files of directories that they name', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ogong-inputs-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const tracked = indexFiles(root, Object.keys(FILES));
  const code = await readCode(root, [...tracked.paths].filter(isCode));
  const finder = joinFinder({ tracked, exports: new Map(), code });
  const test = 'packages/a/src/a.test.ts';
  expect(finder.find([test])).toEqual([
    'code:packages/a/src/a.test.ts',
    'code:packages/a/src/a.ts',
    'code:packages/a/src/c.ts',
    'code:packages/a/src/child.ts',
    'code:packages/a/src/grandchild.ts',
    'packages/a/data/one.json',
    'packages/a/src/child.ts',
  ]);
  expect(finder.find([test], [EVERYTHING])).toEqual(expect.arrayContaining(Object.keys(FILES)));
  expect(() => finder.find([test], ['notes/gone.md'])).toThrow('no tracked file or directory: notes/gone.md');
});
