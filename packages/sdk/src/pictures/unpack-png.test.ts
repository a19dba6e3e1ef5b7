import { deflateSync } from 'node:zlib';
import { packPng } from '@ogong/testing/clients/pack-png';
import { describe, expect, it } from 'vitest';
import { unpackPng } from './unpack-png.ts';

const size = { width: 19, height: 7 };
const pixels = Uint8Array.from({ length: 19 * 7 * 3 }, (_, i) => (i * 37) & 255);
const good = await packPng({ ...size, pixels });

function chunk(type: string, data: Uint8Array, length = data.length): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  return bytes;
}

function header(width: number, height: number, form = [8, 2, 0, 0, 0]): Uint8Array {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set(form, 8);
  return chunk('IHDR', data);
}

const rows = (width: number, height: number, filter = 0): Uint8Array =>
  Uint8Array.from({ length: height * (1 + 3 * width) }, (_, i) => (i % (1 + 3 * width) === 0 ? filter : 1));
const idat = (data: Uint8Array) => chunk('IDAT', deflateSync(data));
const IEND = chunk('IEND', new Uint8Array(0));
const png = (...chunks: Uint8Array[]) => Buffer.concat([good.subarray(0, 8), ...chunks]);

describe('a PNG of a gateway', () => {
  it('has the pixels that were encoded, in one chunk or in several', async () => {
    expect(await unpackPng(good)).toEqual({ ...size, pixels });
    const packed = deflateSync(rows(2, 2));
    const parts = [packed.subarray(0, 5), packed.subarray(5)].map((part) => chunk('IDAT', part));
    expect((await unpackPng(png(header(2, 2), ...parts, IEND))).pixels).toEqual(new Uint8Array(12).fill(1));
  });

  it.each<[what: string, bytes: Uint8Array, message: string]>([
    ['another file', new Uint8Array(40), 'no PNG'],
    ['no header', png(idat(rows(2, 2)), IEND), 'no header'],
    ['a palette', png(header(2, 2, [8, 3, 0, 0, 0]), IEND), 'another form'],
    ['interlaced rows', png(header(2, 2, [8, 2, 0, 0, 1]), IEND), 'another form'],
    ['no pixels', png(header(0, 2), idat(rows(2, 2)), IEND), '0x2'],
    ['more pixels than are served', png(header(4096, 4096), idat(rows(2, 2)), IEND), '4096x4096'],
    ['a bomb', png(header(2, 2), idat(new Uint8Array(10_000_000)), IEND), 'more pixels'],
    ['too few rows', png(header(2, 2), idat(rows(2, 1)), IEND), 'fewer pixels'],
    ['a filter', png(header(2, 2), idat(rows(2, 2, 1)), IEND), 'filter'],
    ['a colour profile', png(header(2, 2), chunk('iCCP', new Uint8Array(4)), idat(rows(2, 2)), IEND), 'beside'],
    ['bytes after its end', png(header(2, 2), idat(rows(2, 2)), IEND, IEND), 'follow its end'],
    ['no end', png(header(2, 2), idat(rows(2, 2))), 'cut off'],
    ['a length beyond its end', png(header(2, 2), chunk('IDAT', new Uint8Array(4), 0xffff_ffff)), 'cut off'],
  ])('is refused with %s', async (_what, bytes, message) => {
    await expect(unpackPng(bytes)).rejects.toThrow(message);
  });

  it('is refused with rows that do not inflate', async () => {
    await expect(unpackPng(png(header(2, 2), chunk('IDAT', new Uint8Array(20).fill(7)), IEND))).rejects.toThrow();
    const trailing = Buffer.concat([deflateSync(rows(2, 2)), new Uint8Array(9)]);
    await expect(unpackPng(png(header(2, 2), chunk('IDAT', trailing), IEND))).rejects.toThrow();
  });
});
