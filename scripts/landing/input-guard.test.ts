import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { createInputGuard } from './input-guard.ts';
import { formatTestInputs } from './test-inputs.ts';

const tracked = ['notes/one.md', 'notes/two.md', 'lab/data/a.json', 'lab/data/b.json', 'lab/src/x.test.ts'];
const open = (inputs: readonly string[]) => {
  const guard = createInputGuard(formatTestInputs('/repository', tracked, new Map([['lab/src/x.test.ts', inputs]])));
  guard.begin('/repository/lab/src/x.test.ts');
  return guard;
};

it('reports a tracked file that is no input, however it is named', () => {
  const guard = open(['notes/one.md', 'code:lab/src/x.test.ts']);
  guard.note('/repository/notes/one.md');
  guard.note('/repository/lab/src/x.test.ts');
  expect(guard.end()).toEqual([]);
  guard.note(pathToFileURL('/repository/notes/two.md'));
  guard.note('/repository/lab/../lab/data/a.json');
  expect(guard.end()).toEqual(['lab/data/a.json', 'notes/two.md']);
});

it('says nothing of files elsewhere, files that git does not track, and descriptors', () => {
  const guard = open([]);
  for (const path of ['/tmp/notes/one.md', '/repository/.cache/x', '/repositoryother/notes/one.md', 7, undefined])
    guard.note(path);
  expect(guard.end()).toEqual([]);
});

it('a listed directory has all of its files among the inputs', () => {
  const guard = open(['lab/data/a.json']);
  guard.noteListing('/repository/lab/data/');
  guard.noteListing('/repository/lab');
  expect(guard.end()).toEqual(['lab/data/ (1 of its files)']);
});

it('begins anew with each test file, and knows nothing of one that was started by hand', () => {
  const guard = open([]);
  guard.note('/repository/notes/one.md');
  guard.begin('/repository/lab/src/other.test.ts');
  guard.note('/repository/notes/one.md');
  expect(guard.end()).toEqual([]);
});
