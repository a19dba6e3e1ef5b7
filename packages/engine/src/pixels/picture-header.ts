import { crc32 } from 'node:zlib';
import { EngineError } from '../interface/engine-error.ts';
import { type Orientation, readOrientation, UPRIGHT } from './orientation.ts';
import { MAX_SIDE } from './resize.ts';

/** Formats that are decoded. */
export type PictureType = 'png' | 'jpeg' | 'webp';

/** Facts that stand before the pixels of a picture. */
export interface PictureHeader {
  readonly type: PictureType;
  /** As the pixels lie in the file, before they are turned upright. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
}

/** The most bytes of a file. */
export const MOST_PICTURE_BYTES = 1 << 24;
/** The most pixels of a picture: RGBA of them has 64 MiB. */
export const MOST_PICTURE_PIXELS = 1 << 24;
/** The most passes over a progressive JPEG. Encoders write about ten; each pass costs time for all pixels. */
const MOST_SCANS = 100;

const refuse = (problem: string): never => {
  throw new EngineError('invalid-request', `the picture ${problem}`);
};
const refuseCut = (): never => refuse('ends too early');

/**
 * Reads size and orientation of a PNG, JPEG or WebP without its pixels.
 * @throws EngineError `invalid-request` for other bytes, a size above the limits, an animation, or a file that ends too early.
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length > MOST_PICTURE_BYTES) refuse(`has ${bytes.length} bytes; at most ${MOST_PICTURE_BYTES} are decoded`);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readByType(file);
  const { width, height } = header;
  if (width < 1 || height < 1) refuse(`has ${width}x${height} pixels`);
  if (Math.max(width, height) > MAX_SIDE || width * height > MOST_PICTURE_PIXELS)
    refuse(`has ${width}x${height} pixels; at most ${MOST_PICTURE_PIXELS} are decoded, and ${MAX_SIDE} along one side`);
  return header;
}

function readByType(file: Buffer): PictureHeader {
  if (file.length === 0) refuse('is empty');
  const magic = file.toString('latin1', 0, 12);
  if (magic.startsWith('\x89PNG\r\n\x1a\n')) return readPng(file);
  if (magic.startsWith('\xff\xd8\xff')) return readJpeg(file);
  if (magic.startsWith('RIFF') && magic.endsWith('WEBP')) return readWebp(file);
  const found = magic.startsWith('GIF8')
    ? 'a GIF'
    : magic.slice(4, 8) === 'ftyp'
      ? 'an AVIF, HEIC or video'
      : 'neither';
  return refuse(found === 'neither' ? 'is neither PNG, JPEG nor WebP' : `is ${found}; possible are PNG, JPEG and WebP`);
}

/** Source: PNG specification, third edition, W3C 2025, sections 5.3 and 11.2.1. */
function readPng(file: Buffer): PictureHeader {
  if (file.length < 33) refuseCut();
  if (file.toString('latin1', 12, 16) !== 'IHDR') refuse('is no whole PNG: its first chunk is not IHDR');
  let orientation: Orientation = UPRIGHT;
  for (let at = 8; ; ) {
    if (at + 12 > file.length) refuseCut();
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > file.length) refuseCut();
    // The decoder passes over wrong checksums. Chunks of a capital letter are those that make the pixels.
    const isCritical = /^[A-Z]/.test(type);
    if (isCritical && crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length))
      refuse(`is no whole PNG: the checksum of its chunk ${type} is wrong`);
    if (type === 'acTL') refuse('is animated; only still pictures are decoded');
    if (type === 'eXIf') orientation = readOrientation(file.subarray(at + 8, at + 8 + length));
    if (type === 'IEND') break;
    at += 12 + length;
  }
  return { type: 'png', width: file.readUInt32BE(16), height: file.readUInt32BE(20), orientation };
}

const JPEG = { end: 0xd9, scan: 0xda, application1: 0xe1, restart0: 0xd0, restart7: 0xd7, temporary: 0x01 } as const;
/** Markers of frames: those of the kinds that are decoded, and all kinds. */
const DECODED_FRAMES = new Set([0xc0, 0xc1, 0xc2]);
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const EXIF = 'Exif\0\0';

/** Source: ITU-T T.81, annex B. */
function readJpeg(file: Buffer): PictureHeader {
  let orientation: Orientation | undefined;
  let size: { readonly width: number; readonly height: number } | undefined;
  let scans = 0;
  for (let at = 2; ; ) {
    at = file.indexOf(0xff, at);
    // A marker may begin with several bytes 255.
    while (at >= 0 && file[at + 1] === 0xff) at++;
    const marker = at < 0 ? undefined : file[at + 1];
    if (marker === undefined) return refuseCut();
    at += 2;
    if (marker === JPEG.end) break;
    // A byte 255 of a scan, or a marker without content.
    if (marker === 0 || marker === JPEG.temporary || (marker >= JPEG.restart0 && marker <= JPEG.restart7)) continue;
    if (at + 2 > file.length) refuseCut();
    const length = file.readUInt16BE(at);
    const content = file.subarray(at + 2, at + length);
    if (length < 2 || content.length !== length - 2) refuseCut();
    if (isFrame(marker)) {
      if (size !== undefined) refuse('is a JPEG of several frames');
      size = readFrame(marker, content);
    } else if (marker === JPEG.scan && ++scans > MOST_SCANS) refuse(`has more than ${MOST_SCANS} scans`);
    else if (marker === JPEG.application1 && content.toString('latin1', 0, 6) === EXIF)
      orientation ??= readOrientation(content.subarray(6));
    at += length;
  }
  if (size === undefined || scans === 0) return refuse('is a JPEG without pixels');
  return { type: 'jpeg', ...size, orientation: orientation ?? UPRIGHT };
}

function readFrame(marker: number, content: Buffer): { readonly width: number; readonly height: number } {
  if (!DECODED_FRAMES.has(marker))
    refuse('is a lossless or arithmetic JPEG; possible are baseline and progressive ones');
  if (content.length < 6) refuseCut();
  const components = content[5];
  if (content[0] !== 8) refuse(`is a JPEG of ${content[0]} bits; possible are 8`);
  if (components !== 1 && components !== 3)
    refuse(`is a JPEG of ${components} components; possible are gray and colour`);
  return { height: content.readUInt16BE(1), width: content.readUInt16BE(3) };
}

/** Source: RFC 9649, sections 2.3 to 2.7. */
function readWebp(file: Buffer): PictureHeader {
  const end = file.readUInt32LE(4) + 8;
  if (end > file.length) refuseCut();
  let orientation: Orientation = UPRIGHT;
  const sizes: { readonly width: number; readonly height: number }[] = [];
  let hasPixels = false;
  for (let at = 12; at + 8 <= end; ) {
    const type = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const content = file.subarray(at + 8, at + 8 + length);
    if (at + 8 + length > end) refuseCut();
    if (type === 'ANIM' || type === 'ANMF') refuse('is animated; only still pictures are decoded');
    if (type === 'EXIF') {
      const isNamed = content.toString('latin1', 0, 6) === EXIF;
      orientation = readOrientation(isNamed ? content.subarray(6) : content);
    }
    if (type === 'VP8X' && length >= 10)
      sizes.push({ width: content.readUIntLE(4, 3) + 1, height: content.readUIntLE(7, 3) + 1 });
    if (type === 'VP8 ' && length >= 10) {
      sizes.push({ width: content.readUInt16LE(6) & 0x3fff, height: content.readUInt16LE(8) & 0x3fff });
      hasPixels = true;
    }
    if (type === 'VP8L' && length >= 5) {
      const packed = content.readUInt32LE(1);
      sizes.push({ width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 });
      hasPixels = true;
    }
    at += 8 + length + (length % 2);
  }
  const [size] = sizes;
  if (size === undefined || !hasPixels) return refuse('is a WebP without pixels');
  if (sizes.some(({ width, height }) => width !== size.width || height !== size.height))
    refuse('is a WebP that states two sizes');
  return { type: 'webp', ...size, orientation };
}
