import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readMask, readSourcePicture } from './source-picture.ts';

const GRAY_WITH_OPACITY = 4;
const RGB_WITH_OPACITY = 6;

interface Form {
  readonly width: number;
  readonly height: number;
  readonly color: number;
}

/** Packs a PNG of 8 bits. @param rows each begins with the number of its filter. */
function png({ width, height, color }: Form, rows: readonly number[], before: readonly Buffer[] = []): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, color], 8);
  const content = deflateSync(Uint8Array.from(rows));
  const chunks = [chunk('IHDR', head), ...before, chunk('IDAT', content), chunk('IEND', new Uint8Array())];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** Exif of orientation 2: left and right are exchanged. */
const MIRRORED = chunk('eXIf', Buffer.from('4d4d002a00000008' + '0001' + '011200030000000100020000', 'hex'));

describe('a picture to change', () => {
  it('lies on white, and is resized', async () => {
    const half = png({ width: 1, height: 1, color: RGB_WITH_OPACITY }, [0, 0, 100, 200, 128]);
    const [red, green, blue] = await readSourcePicture(half, { width: 2, height: 2 });
    expect([red, green, blue]).toEqual([127, 177, 227]);
  });

  const row = [0, 0, 0, 0, 0, 0, 255, 0, 255];
  const size = { width: 4, height: 2 };

  it('is painted again where its mask is transparent on average', async () => {
    const mask = png({ ...size, color: GRAY_WITH_OPACITY }, [...row, 0, 0, 0, 0, 0, 0, 255, 0, 0]);
    expect([...(await readMask(mask, size, 2))]).toEqual([1, 0]);
  });

  it('has a mask that is turned upright', async () => {
    const mask = png({ ...size, color: GRAY_WITH_OPACITY }, [...row, ...row], [MIRRORED]);
    expect([...(await readMask(mask, size, 2))]).toEqual([0, 1]);
  });

  it('is not painted again where its mask has no opacity', async () => {
    const mask = png({ ...size, color: 0 }, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...(await readMask(mask, size, 2))]).toEqual([0, 0]);
  });
});
