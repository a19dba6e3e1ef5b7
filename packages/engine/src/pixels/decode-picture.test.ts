import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { packPng } from '@ogong/testing/clients/pack-png';
import { describe, expect, it } from 'vitest';
import { decodePicture } from './decode-picture.ts';
import { MOST_PICTURE_BYTES, readPictureHeader } from './picture-header.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../protocol/vectors/pictures.json', import.meta.url), 'utf8'),
) as {
  readonly cases: readonly {
    readonly name: string;
    readonly file: string;
    readonly size: readonly [width: number, height: number];
    readonly sha256: string;
  }[];
};
const fileOf = (name: string): Buffer => {
  const found = vectors.cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return Buffer.from(found.file, 'base64');
};

describe('a decoded picture', () => {
  it.each(vectors.cases)("has Pillow's pixels: $name", async ({ file, size, sha256 }) => {
    const { width, height, rgb } = await decodePicture(Buffer.from(file, 'base64'));
    expect([width, height]).toEqual(size);
    expect(createHash('sha256').update(rgb).digest('hex')).toBe(sha256);
  });
});

/** A copy with another number, big-endian. */
function patch(file: Buffer, at: number, value: number, bytes: number): Buffer {
  const copy = Buffer.from(file);
  copy.writeUIntBE(value, at, bytes);
  return copy;
}
const PNG = fileOf('png, colour');
const JPEG = fileOf('jpeg, 4:2:0');
const WEBP = fileOf('webp, lossy');
const restamp = (file: Buffer): Buffer => patch(file, 29, crc32(file.subarray(12, 29)), 4);
/** A file whose compressed pixels end in their middle, with a right checksum. */
function cutPixels(file: Buffer): Buffer {
  const at = file.indexOf('IDAT');
  const half = file.readUInt32BE(at - 4) >> 1;
  const chunk = Buffer.concat([file.subarray(at - 4, at + 4 + half), Buffer.alloc(4)]);
  chunk.writeUInt32BE(half, 0);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return Buffer.concat([file.subarray(0, at - 4), chunk, file.subarray(file.indexOf('IEND') - 4)]);
}
const HUGE = 'at most 16777216 are decoded';
const frameAt = JPEG.indexOf(Buffer.from([0xff, 0xc0]));
const scanAt = JPEG.indexOf(Buffer.from([0xff, 0xda]));
const scanEnd = scanAt + 2 + JPEG.readUInt16BE(scanAt + 2);
const chunkOf = (type: string, content: Buffer): Buffer => {
  const head = Buffer.alloc(8, type, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
};
const webpOf = (...chunks: Buffer[]): Buffer => {
  const content = Buffer.concat([Buffer.from('WEBP'), ...chunks]);
  return chunkOf('RIFF', content);
};

describe('a picture is refused', () => {
  it.each<[string, Uint8Array, string]>([
    ['without bytes', new Uint8Array(0), 'the picture is empty'],
    ['of other bytes', Buffer.from('once upon a time there was'), 'is neither PNG, JPEG nor WebP'],
    ['that is a GIF', Buffer.from('GIF89a..........'), 'is a GIF; possible are PNG, JPEG and WebP'],
    ['of too many bytes', new Uint8Array(MOST_PICTURE_BYTES + 1), 'bytes; at most 16777216 are decoded'],
    ['of too many pixels, as PNG', restamp(patch(patch(PNG, 16, 5_000, 4), 20, 5_000, 4)), HUGE],
    ['that is too wide, as PNG', restamp(patch(PNG, 16, 16_385, 4)), '16384 along one side'],
    ['without width, as PNG', restamp(patch(PNG, 16, 0, 4)), 'has 0x13 pixels'],
    ['of too many pixels, as JPEG', patch(JPEG, frameAt + 5, 0xffff_ffff, 4), HUGE],
    ['of too many pixels, as WebP', webpOf(chunkOf('VP8L', Buffer.from([0x2f, 0xff, 0xff, 0xff, 0xff]))), HUGE],
    ['that states two sizes', webpOf(chunkOf('VP8X', Buffer.alloc(10)), WEBP.subarray(12)), 'states two sizes'],
    ['that is animated', webpOf(chunkOf('ANIM', Buffer.alloc(6)), WEBP.subarray(12)), 'is animated'],
    ['without a frame', webpOf(chunkOf('VP8X', Buffer.alloc(10))), 'is a WebP without pixels'],
    ['of four components', patch(JPEG, frameAt + 9, 4, 1), 'is a JPEG of 4 components'],
    ['of 12 bits', patch(JPEG, frameAt + 4, 12, 1), 'is a JPEG of 12 bits'],
    ['that is lossless', patch(JPEG, frameAt + 1, 0xc3, 1), 'is a lossless or arithmetic JPEG'],
    [
      'of endless scans',
      Buffer.concat([
        JPEG.subarray(0, scanAt),
        ...Array<Buffer>(101).fill(JPEG.subarray(scanAt, scanEnd)),
        JPEG.subarray(scanEnd),
      ]),
      'has more than 100 scans',
    ],
    ['whose checksum is wrong', patch(PNG, 29, 0, 4), 'the checksum of its chunk IHDR is wrong'],
    ['whose pixels are cut', cutPixels(PNG), 'is no whole PNG'],
    ['whose pixels are none', patch(WEBP, 30, 0xffff_ffff, 4), 'is no whole WEBP'],
  ])('%s', async (_what, file, message) => {
    await expect(decodePicture(file)).rejects.toMatchObject({
      ...{ code: 'invalid-request', message: expect.stringContaining(message) },
    });
  });

  it.each(['png, palette', 'png, 16 bits', 'jpeg, 4:2:0', 'jpeg, progressive', 'webp, lossy', 'webp, lossless'])(
    'that was cut anywhere: %s',
    (name) => {
      const file = fileOf(name);
      for (let end = 0; end < file.length - 1; end++) {
        const code = expect.objectContaining({ code: 'invalid-request' });
        expect(() => readPictureHeader(file.subarray(0, end)), `${end} bytes`).toThrow(code);
      }
    },
  );

  it('and the next one is decoded', async () => {
    const broken = Array.from({ length: 6 }, () => decodePicture(cutPixels(PNG)).catch(({ code }) => code));
    const whole = Array.from({ length: 6 }, () => decodePicture(JPEG));
    expect(new Set(await Promise.all(broken))).toEqual(new Set(['invalid-request']));
    const [first, ...others] = await Promise.all(whole);
    for (const other of others) expect(other).toEqual(first);
  });
});

it("decodes a picture of 16 megapixels of the project's own writer", async () => {
  const [width, height] = [4_096, 4_096];
  const pixels = new Uint8Array(width * height * 3).map((_, i) => i % 251);
  const picture = await decodePicture(await packPng({ width, height, pixels }));
  expect([picture.width, picture.height]).toEqual([width, height]);
  expect(Buffer.compare(picture.rgb, pixels)).toBe(0);
});
