import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSameStamp, readFileStamp } from './file-stamp.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-stamp-'));
  path = join(folder, 'a.gguf');
  writeFileSync(path, 'model');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is the same where nobody touched the file', () => {
  expect(isSameStamp(readFileStamp(path), readFileStamp(path))).toBe(true);
});

it.each<[string, () => void]>([
  ['more bytes', () => appendFileSync(path, 's')],
  ['other times', () => utimesSync(path, 1, 1)],
  [
    'another file of the same bytes and times under its name',
    () => {
      const { atime, mtime } = statSync(path);
      const copy = join(folder, 'b.gguf');
      copyFileSync(path, copy);
      utimesSync(copy, atime, mtime);
      renameSync(copy, path);
    },
  ],
])('is another after %s', (_, change) => {
  const before = readFileStamp(path);
  change();
  expect(isSameStamp(before, readFileStamp(path))).toBe(false);
});
