import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { packPng } from '@ogong/testing/clients/pack-png';
import { missingReportedCases, readReportedCase, whySkipped } from '@ogong/testing/clients/reported-case';
import { describe, expect, it } from 'vitest';
import { runCodec } from './codecs.ts';
import { decodeJpeg } from './decode-jpeg.ts';
import { decodePicture } from './decode-picture.ts';
import { findUprightSize, toUprightRgb } from './orientation.ts';
import { MOST_PICTURE_BYTES, readPictureHeader } from './picture-header.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../protocol/vectors/pictures.json', import.meta.url), 'utf8'),
) as {
  readonly cases: readonly {
    readonly name: string;
    readonly file: string;
    readonly size: readonly [width: number, height: number];
    readonly sha256: string;
    /** Of the picture that is halved by Pillow. */
    readonly halved_sha256?: string;
  }[];
};
const fileOf = (name: string): Buffer => {
  const found = vectors.cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return Buffer.from(found.file, 'base64');
};

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a decoded picture', () => {
  it.each(vectors.cases)("has Pillow's pixels: $name", async ({ file, size, sha256 }) => {
    const bytes = Buffer.from(file, 'base64');
    const { width, height, rgb } = await decodePicture(bytes);
    expect([width, height]).toEqual(size);
    expect(hash(rgb)).toBe(sha256);
    expect(findUprightSize(readPictureHeader(bytes))).toEqual({ width, height });
  });

  it.each(vectors.cases.filter(({ halved_sha256: hashed }) => hashed !== undefined))(
    "has Pillow's pixels if it is halved: $name",
    async ({ file, halved_sha256: hashed }) => {
      const bytes = new Uint8Array(Buffer.from(file, 'base64'));
      const header = readPictureHeader(bytes);
      if (header.type === 'gif') throw new TypeError('a vector of a codec is expected');
      const { data } = header.type === 'jpeg' ? await decodeJpeg(bytes, header) : await runCodec(header.type, bytes);
      expect(hash(toUprightRgb(data, { ...header, isHalved: true }).data)).toBe(hashed);
    },
  );
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
const HUGE = 'at most 67108864 are decoded';
const FRAME = Buffer.from([0xff, 0xc0]);
const frameAt = JPEG.indexOf(FRAME);
const CMYK = fileOf('jpeg, CMYK');
/** A file whose scan ends in its middle, with a marker behind it. */
function cutScan(file: Buffer): Buffer {
  const at = file.indexOf(Buffer.from([0xff, 0xda]));
  return Buffer.concat([file.subarray(0, at + ((file.length - at) >> 1)), Buffer.from([0xff, 0xd9])]);
}
const GIF = fileOf('gif, a frame on the canvas');
const gifFrameAt = GIF.indexOf(0x2c, GIF.indexOf('hi') + 2);
const gifCodesAt = gifFrameAt + 10;
const scanAt = JPEG.indexOf(Buffer.from([0xff, 0xda]));
const scanEnd = scanAt + 2 + JPEG.readUInt16BE(scanAt + 2);
const chunkOf = (type: string, content: Buffer): Buffer => {
  const head = Buffer.alloc(8, type, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
};
/** A copy with many equal parts at a place. */
const fill = (file: Buffer, at: number, part: Buffer, count: number): Buffer =>
  Buffer.concat([file.subarray(0, at), ...Array<Buffer>(count).fill(part), file.subarray(at)]);
const EMPTY_COMMENT = Buffer.from([0xff, 0xfe, 0, 2]);
const EMPTY_CHUNK = Buffer.concat([Buffer.alloc(4), Buffer.from('teXt'), Buffer.alloc(4)]);
const webpOf = (...chunks: Buffer[]): Buffer => {
  const content = Buffer.concat([Buffer.from('WEBP'), ...chunks]);
  return chunkOf('RIFF', content);
};

describe('a picture is refused', () => {
  it.each<[string, Uint8Array, string]>([
    ['without bytes', new Uint8Array(0), 'the picture is empty'],
    ['of other bytes', Buffer.from('once upon a time there was'), 'is neither PNG, JPEG, WebP nor GIF'],
    ['that is a HEIC', Buffer.from('....ftypheic........'), 'is an AVIF, HEIC or video; possible are'],
    ['that is a GIF without a frame', patch(GIF, gifFrameAt, 0x3b, 1), 'is a GIF without a picture'],
    ['that is a GIF of no rows', patch(GIF, gifFrameAt + 7, 0, 2), 'is a GIF whose first picture is empty'],
    ['that is a GIF of too many pixels', patch(GIF, gifFrameAt + 5, 0xffff_ffff, 4), HUGE],
    ['that is a GIF of more rows than it has', patch(GIF, gifFrameAt + 7, 0xf000, 2), 'is no whole GIF'],
    ['that is a GIF of other codes', patch(GIF, gifCodesAt + 2, 0xffff_ffff, 4), 'is no whole GIF'],
    ['of too many bytes', new Uint8Array(MOST_PICTURE_BYTES + 1), 'bytes; at most 16777216 are decoded'],
    ['of too many pixels, as PNG', restamp(patch(patch(PNG, 16, 9_000, 4), 20, 9_000, 4)), HUGE],
    ['that is too wide, as PNG', restamp(patch(PNG, 16, 16_385, 4)), '16384 along one side'],
    ['without width, as PNG', restamp(patch(PNG, 16, 0, 4)), 'has 0x13 pixels'],
    ['of too many pixels, as JPEG', patch(JPEG, frameAt + 5, 0xffff_ffff, 4), HUGE],
    ['of too many pixels, as WebP', webpOf(chunkOf('VP8L', Buffer.from([0x2f, 0xff, 0xff, 0xff, 0xff]))), HUGE],
    ['that states two sizes', webpOf(chunkOf('VP8X', Buffer.alloc(10)), WEBP.subarray(12)), 'states two sizes'],
    ['that is animated', webpOf(chunkOf('ANIM', Buffer.alloc(6)), WEBP.subarray(12)), 'is animated'],
    ['without a frame', webpOf(chunkOf('VP8X', Buffer.alloc(10))), 'is a WebP without pixels'],
    ['of two components', patch(JPEG, frameAt + 9, 2, 1), 'is a JPEG of 2 components'],
    ['of a frame that has another length', patch(JPEG, frameAt + 9, 4, 1), 'is a JPEG whose frame has another length'],
    ['of components without samples', patch(JPEG, frameAt + 11, 0, 1), 'components have no samples'],
    ['of CMYK that is not whole', cutScan(CMYK), 'is no whole JPEG'],
    ['of CMYK that is too large', patch(CMYK, CMYK.indexOf(FRAME) + 5, 0x1388_1388, 4), '5000x5000 pixels in CMYK'],
    [
      'of CMYK whose last component is the largest',
      patch(CMYK, CMYK.indexOf(FRAME) + 20, 0x22, 1),
      'the first of which is not the largest',
    ],
    ['of half rows that is not whole', cutScan(fileOf('jpeg, 4:4:0')), 'is no whole JPEG'],
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
    [
      'of many scans that is large',
      patch(
        Buffer.concat([
          JPEG.subarray(0, scanAt),
          ...Array<Buffer>(26).fill(JPEG.subarray(scanAt, scanEnd)),
          JPEG.subarray(scanEnd),
        ]),
        frameAt + 5,
        0x1388_1388,
        4,
      ),
      'has 5000x5000 pixels and more than 25 scans',
    ],
    ['of too many markers', fill(CMYK, 2, EMPTY_COMMENT, 4_096), 'is a JPEG of more than 4096 parts'],
    ['of too many chunks, as PNG', fill(PNG, 33, EMPTY_CHUNK, 65_536), 'is a PNG of more than 65536 chunks'],
    [
      'of too many chunks, as WebP',
      webpOf(...Array<Buffer>(65_536).fill(chunkOf('JUNK', Buffer.alloc(0))), WEBP.subarray(12)),
      'is a WebP of more than 65536 chunks',
    ],
    ['whose checksum is wrong', patch(PNG, 29, 0, 4), 'the checksum of its chunk IHDR is wrong'],
    ['whose pixels are cut', cutPixels(PNG), 'is no whole PNG'],
    ['whose pixels are none', patch(WEBP, 30, 0xffff_ffff, 4), 'is no whole WEBP'],
  ])('%s', async (_what, file, message) => {
    await expect(decodePicture(file)).rejects.toMatchObject({
      ...{ code: 'invalid-request', message: expect.stringContaining(message) },
    });
  });

  it.each([
    'gif, transparent',
    'jpeg, CMYK, progressive',
    'png, palette',
    'png, 16 bits',
    'jpeg, 4:2:0',
    'jpeg, progressive',
    'webp, lossy',
    'webp, lossless',
  ])('that was cut anywhere: %s', (name) => {
    const file = fileOf(name);
    for (let end = 0; end < file.length - 1; end++) {
      const code = expect.objectContaining({ code: 'invalid-request' });
      expect(() => readPictureHeader(file.subarray(0, end)), `${end} bytes`).toThrow(code);
    }
  });

  it.each([
    'gif, interlaced',
    'gif, a frame beyond the canvas',
    'jpeg, CMYK, restarts',
    'jpeg, YCCK, 4:4:0',
    'jpeg, 4:4:0, progressive',
  ])('or decoded if bytes of it are others: %s', async (name) => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed >> 8;
    };
    for (let i = 0; i < 40; i++) {
      const file = Buffer.from(fileOf(name));
      // Sizes stay, so the pictures stay small.
      for (let change = 0; change < 3; change++) file[24 + (random() % (file.length - 24))] = random() % 256;
      const code = await decodePicture(file).then(
        () => 'decoded',
        (error) => (error as { code?: string }).code,
      );
      expect(['decoded', 'invalid-request']).toContain(code);
    }
  });

  it('and the next one is decoded', async () => {
    const broken = Array.from({ length: 6 }, () => decodePicture(cutPixels(PNG)).catch(({ code }) => code));
    const whole = Array.from({ length: 6 }, () => decodePicture(JPEG));
    expect(new Set(await Promise.all(broken))).toEqual(new Set(['invalid-request']));
    const [first, ...others] = await Promise.all(whole);
    for (const other of others) expect(other).toEqual(first);
  });
});

it.each([
  ['markers', CMYK, fill(CMYK, 2, EMPTY_COMMENT, 4_000)],
  ['PNG chunks', PNG, fill(PNG, 33, EMPTY_CHUNK, 65_000)],
])('decodes a picture of many %s', async (_what, plain, file) => {
  expect(await decodePicture(file)).toEqual(await decodePicture(plain));
});

it('joins the blocks of a GIF, whatever their length', async () => {
  const at = gifCodesAt + 1;
  const codes: number[] = [];
  let end = at;
  for (let length = GIF[end] as number; length > 0; length = GIF[end] as number) {
    codes.push(...GIF.subarray(end + 1, end + 1 + length));
    end += 1 + length;
  }
  const short = codes.flatMap((code) => [1, code]);
  const file = Buffer.concat([GIF.subarray(0, at), Buffer.from(short), GIF.subarray(end)]);
  expect(codes.length).toBeGreaterThan(8);
  expect(await decodePicture(file)).toEqual(await decodePicture(GIF));
});

it("decodes a picture of 16 megapixels of the project's own writer", async () => {
  const [width, height] = [4_096, 4_096];
  const pixels = new Uint8Array(width * height * 3).map((_, i) => i % 251);
  const picture = await decodePicture(await packPng({ width, height, pixels }));
  expect([picture.width, picture.height]).toEqual([width, height]);
  expect(Buffer.compare(picture.rgb, pixels)).toBe(0);
});

it('halves a picture of more than 16 megapixels, whatever the parity of its sides', async () => {
  const [width, height] = [4_098, 4_097];
  const shadeOf = (x: number, y: number): number => (x + 3 * y) % 256;
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.trunc(i / 3);
    return shadeOf((pixel % width) >> 1, Math.trunc(pixel / width) >> 1);
  });
  const { rgb, ...size } = await decodePicture(await packPng({ width, height, pixels }));
  expect(size).toEqual({ width: 2_049, height: 2_049 });
  const expected = Uint8Array.from(rgb, (_, i) => shadeOf(Math.trunc(i / 3) % 2_049, Math.trunc(i / 3 / 2_049)));
  expect(Buffer.compare(rgb, expected)).toBe(0);
});

it.skipIf(missingReportedCases !== undefined)(`decodes a photo of 24 megapixels${whySkipped}`, async () => {
  const { init } = readReportedCase('vision-24-megapixels', 'seer');
  const file = /data:image\/[a-z]+;base64,([^"]+)/.exec(init.body as string)?.[1] ?? '';
  const { width, height } = await decodePicture(Buffer.from(file, 'base64'));
  expect([width, height]).toEqual([2_856, 2_142]);
});
