import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { assertFewPixels, MOST_FILE_PIXELS, MOST_REQUEST_PIXELS } from './picture-header.ts';

const SIDE = Math.sqrt(MOST_FILE_PIXELS);

function chunk(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}

/** A PNG that states the largest size, and has no pixels. */
function stateLargest(): Buffer {
  const size = Buffer.alloc(13);
  size.writeUInt32BE(SIDE, 0);
  size.writeUInt32BE(SIDE, 4);
  size.set([8, 2, 0, 0, 0], 8);
  const magic = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([magic, chunk('IHDR', size), chunk('IEND', Buffer.alloc(0))]);
}

it('bounds the pixels of all pictures of a request, before one is decoded', () => {
  const most = Array.from({ length: MOST_REQUEST_PIXELS / MOST_FILE_PIXELS }, stateLargest);
  const broken = Buffer.from('no picture');
  expect(() => assertFewPixels([...most, broken])).not.toThrow();
  expect(() => assertFewPixels([...most, stateLargest()])).toThrow('335544320 pixels together; at most 268435456');
});
