import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/model-folder.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeFolderRoot, MAX_FOLDER_FILES } from './folder-root.ts';

const sha256 = new Uint8Array(32).fill(1);

describe('the root of a model folder', () => {
  it('matches the vectors, in any order of the files', () => {
    for (const { files, root } of vectors) {
      const read = files.map(({ path, sha256: content }) => ({ path, sha256: fromHex(content, 32) }));
      expect(toHex(computeFolderRoot(crypto, read))).toBe(root);
      expect(toHex(computeFolderRoot(crypto, read.toReversed()))).toBe(root);
    }
  });

  it.each([
    ['no file', []],
    ['too many files', Array.from({ length: MAX_FOLDER_FILES + 1 }, (_, i) => ({ path: `f${i}`, sha256 }))],
    [
      'one path twice',
      [
        { path: 'a', sha256 },
        { path: 'a', sha256: new Uint8Array(32) },
      ],
    ],
    ['a path that leaves the folder', [{ path: '../a', sha256 }]],
    ['an absolute path', [{ path: '/a', sha256 }]],
    ['a hidden file', [{ path: 'a/.b', sha256 }]],
  ])('refuses %s', (_what, files) => {
    expect(() => computeFolderRoot(crypto, files)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
