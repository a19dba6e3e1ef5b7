import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, describe, expect, it } from 'vitest';
import { findScattered, findText, findTokens } from './search-files.ts';

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

describe('the search for the pieces of a stream', () => {
  const PIECES = ['On', 'ce', ' up', 'on', ' a', ' ti', 'me', ',', ' th', 'ere', ' w', 'as', ' a', ' fo', 'x', '.'];

  it('finds them in their order, with the words of a stream between them, and not otherwise', () => {
    const stream = (pieces: readonly string[], between = 100): string =>
      pieces.map((piece) => `${JSON.stringify({ delta: { content: piece }, x: '-'.repeat(between) })}\n`).join('');
    const files: Record<string, string> = {
      // A piece that stands here by chance is none of them.
      whole: `On ce ${'-'.repeat(1_000)}${stream(PIECES)}`,
      joined: `before ${PIECES.join('')} after`,
      reversed: stream(PIECES.toReversed()),
      cut: stream(PIECES.slice(1)),
      far: stream(PIECES, 600),
    };
    const below = join(directory.path, 'pieces');
    mkdirSync(below, { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(below, name), content);
    expect(findScattered(below, PIECES)).toEqual(['joined', 'whole']);
    expect(() => findScattered(below, PIECES.slice(2))).toThrow(RangeError);
  });
});

describe('the search for token ids', () => {
  const IDS = [5, 300, 127, 128, 70, 511, 2, 9];
  const asNumbers = (array: Uint16Array | Uint32Array): Buffer => Buffer.from(array.buffer);

  it('finds them in every form that a program may write, and no other ids', () => {
    const files: Record<string, Buffer> = {
      four: asNumbers(Uint32Array.from(IDS)),
      'four-big': asNumbers(Uint32Array.from(IDS)).swap32(),
      two: asNumbers(Uint16Array.from(IDS)),
      'two-big': asNumbers(Uint16Array.from(IDS)).swap16(),
      // 300 is 0xac 0x02 in protobuf, 128 is 0x80 0x01, 511 is 0xff 0x03.
      packed: Buffer.from([5, 0xac, 2, 127, 0x80, 1, 70, 0xff, 3, 2, 9]),
      json: Buffer.from(JSON.stringify({ tokens: IDS })),
      other: asNumbers(Uint32Array.from([...IDS].reverse())),
    };
    const below = join(directory.path, 'ids');
    mkdirSync(below, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(below, name), Buffer.concat([Buffer.from('before'), content, Buffer.from('after')]));
    }
    expect(findTokens(below, IDS)).toEqual(
      Object.keys(files)
        .filter((name) => name !== 'other')
        .sort(),
    );
    expect(() => findTokens(below, IDS.slice(1))).toThrow(RangeError);
  });
});
