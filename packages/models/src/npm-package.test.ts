import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readFolder, readPackage, summarizeNpmFailure } from './npm-package.ts';

function entry(name: string, text: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${text.length.toString(8).padStart(11, '0')} `, 124);
  return Buffer.concat([header, Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512)]);
}

const archive = gzipSync(
  Buffer.concat([
    entry('package/package.json', '{}'),
    entry('package/bins/x/libone.so', 'one'),
    entry('package/bins/x/../../escape', 'no'),
    entry('package/bins/x/.hidden', 'no'),
    entry('package/bins/x/deep/two.so', 'no'),
    Buffer.alloc(1024),
  ]),
);
const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
const folder = { name: '@scope/pkg', version: '1.0.0', path: 'bins/x', integrity };

describe('readFolder', () => {
  it('hands out the plain files of one folder', () => {
    const files = readFolder(archive, folder);
    expect([...files].map(([name, bytes]) => [name, bytes.toString()])).toEqual([['libone.so', 'one']]);
  });

  it('throws away a tarball of other content', () => {
    const changed = Buffer.from(archive);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    expect(() => readFolder(changed, folder)).toThrow(/expected sha512-/);
  });
});

describe('readPackage', () => {
  it('hands out the files that the caller keeps, never one outside the package', () => {
    const paths: string[] = [];
    const files = readPackage(archive, folder, (path) => {
      paths.push(path);
      return path.endsWith('.so');
    });
    expect([...files.keys()]).toEqual(['bins/x/libone.so', 'bins/x/deep/two.so']);
    expect(paths).toEqual(['package.json', 'bins/x/libone.so', 'bins/x/deep/two.so']);
  });

  it('throws away a tarball of other content', () => {
    expect(() => readPackage(archive, { ...folder, integrity: 'sha512-' }, () => true)).toThrow(/expected sha512-/);
  });
});

it.each([
  [
    'npm error code EACCES\nnpm error syscall mkdir\nnpm error path /x\nnpm error FetchError: no permission\nnpm error     at f (x.js:1)\nnpm error A complete log of this run can be found in: y',
    'EACCES: FetchError: no permission',
  ],
  ['npm error code E404\nnpm error 404 Not Found - GET x', 'E404: 404 Not Found - GET x'],
  ['npm notice New version\n', undefined],
  [`npm error ${'x'.repeat(2_000)}`, 'x'.repeat(300)],
])('reduces a failure of npm to its reason', (stderr, reason) => {
  expect(summarizeNpmFailure(stderr)).toBe(reason);
});
