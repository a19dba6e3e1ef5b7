import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, describe, expect, it } from 'vitest';
import { findText } from './search-files.ts';

const MARKER = 'a marker, which nobody else may see';
const directory = createTestDirectory('search');
afterEach(() => directory.remove());

describe('the search for a text', () => {
  it('finds it in every form that a program may write, and nowhere else', () => {
    const bytes = Buffer.from(MARKER);
    const files: Record<string, Buffer | string> = {
      plain: `before ${MARKER} after`,
      wide: Buffer.from(MARKER, 'utf16le'),
      hex: bytes.toString('hex'),
      other: 'a marker, which nobody else may sea',
    };
    for (const shift of [0, 1, 2]) {
      const shifted = Buffer.concat([Buffer.alloc(shift, 7), bytes, Buffer.alloc(5, 9)]);
      files[`base64-${shift}`] = shifted.toString('base64');
      files[`base64url-${shift}`] = shifted.toString('base64url');
    }
    mkdirSync(join(directory.path, 'below'), { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory.path, 'below', name), content);
    const expected = Object.keys(files).filter((name) => name !== 'other');
    expect(findText(directory.path, MARKER)).toEqual(expected.map((name) => join('below', name)).sort());
  });

  it('finds it in the write-ahead log of a database that is open', () => {
    mkdirSync(directory.path, { recursive: true });
    const database = new DatabaseSync(join(directory.path, 'some.db'));
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE texts (body BLOB)');
    database.prepare('INSERT INTO texts VALUES (?)').run(Buffer.from(MARKER));
    expect(findText(directory.path, MARKER)).toEqual(['some.db-wal']);
    database.close();
  });

  it('refuses a text that could be found by chance', () => {
    expect(() => findText(directory.path, 'too short')).toThrow(RangeError);
  });
});
