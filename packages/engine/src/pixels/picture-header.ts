import { crc32 } from 'node:zlib';
import { recognisePicture } from '@ogong/protocol/modality/media/picture-type';
import { EngineError } from '../interface/engine-error.ts';
import { readExifOrientation, readXmpOrientation } from './exif.ts';
import { type GifFrame, readGifFrame } from './gif.ts';
import { type JpegHeader, MOST_SCANS, readJpegHeader } from './jpeg-header.ts';
import { type Orientation, UPRIGHT } from './orientation.ts';
import { MAX_SIDE } from './resize.ts';

/** Facts that stand before the pixels of a picture. Width and height are as the pixels lie in the file, before they are turned upright. */
export type PictureHeader = FileHeader & {
  readonly orientation: Orientation;
  /** The picture has more than `MOST_PICTURE_PIXELS`, so it is halved. */
  readonly isHalved: boolean;
};

type FileHeader =
  | { readonly type: 'png' | 'webp'; readonly width: number; readonly height: number }
  | Omit<JpegHeader, 'orientation'>
  | GifFrame;

/** The most bytes of a file. */
export const MOST_PICTURE_BYTES = 1 << 24;
/** The most pixels of a picture that is used: RGB of them has 48 MiB. */
export const MOST_PICTURE_PIXELS = 1 << 24;
/** The most pixels of a file. A decoder takes 9 to 22 bytes for each. Photos of 64 megapixels have fewer. */
export const MOST_FILE_PIXELS = 1 << 26;
/** The most pixels of all files of a request. They take half a minute on a slow core. */
export const MOST_REQUEST_PIXELS = 1 << 28;

/** The most chunks of a PNG or WebP. The smallest chunks that encoders write have about a kilobyte. */
const MOST_CHUNKS = 1 << 16;

const refuse = (problem: string): never => {
  throw new EngineError('invalid-request', `the picture ${problem}`);
};
const refuseCut = (): never => refuse('ends too early');

/**
 * Reads size and orientation of a PNG, JPEG, WebP or GIF without its pixels.
 * @throws EngineError `invalid-request` for other bytes, a size above the limits, an animation, or a file that ends too early.
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length > MOST_PICTURE_BYTES) refuse(`has ${bytes.length} bytes; at most ${MOST_PICTURE_BYTES} are decoded`);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readByType(file);
  const { width, height } = header;
  if (width < 1 || height < 1) refuse(`has ${width}x${height} pixels`);
  const pixels = width * height;
  if (Math.max(width, height) > MAX_SIDE || Math.ceil(width / 2) * Math.ceil(height / 2) > MOST_FILE_PIXELS / 4)
    refuse(`has ${width}x${height} pixels; at most ${MOST_FILE_PIXELS} are decoded, and ${MAX_SIDE} along one side`);
  const isHalved = pixels > MOST_PICTURE_PIXELS;
  const mostScans = MOST_SCANS / 4;
  if (isHalved && header.type === 'jpeg' && header.scans > mostScans)
    refuse(`has ${width}x${height} pixels and more than ${mostScans} scans`);
  // Two decoded files stand beside each other then.
  if (isHalved && header.type === 'jpeg' && header.components.length === 4)
    refuse(`has ${width}x${height} pixels in CMYK; at most ${MOST_PICTURE_PIXELS} are decoded`);
  return { ...header, isHalved };
}

/**
 * Bounds the work of decoding, before any file is decoded. A file that cannot be read counts nothing here, since its decoder refuses it.
 * @throws EngineError `invalid-request`
 */
export function assertFewPixels(files: readonly Uint8Array[]): void {
  const pixels = files.reduce((sum, file) => sum + countPixels(file), 0);
  if (pixels <= MOST_REQUEST_PIXELS) return;
  const message = `the pictures have ${pixels} pixels together; at most ${MOST_REQUEST_PIXELS} of a request are decoded`;
  throw new EngineError('invalid-request', message);
}

function countPixels(file: Uint8Array): number {
  try {
    const { width, height } = readPictureHeader(file);
    return width * height;
  } catch (error) {
    if (error instanceof EngineError) return 0;
    throw error;
  }
}

function readByType(file: Buffer): FileHeader & { readonly orientation: Orientation } {
  if (file.length === 0) refuse('is empty');
  const type = recognisePicture(file);
  if (type === 'png') return readPng(file);
  if (type === 'jpeg') return readJpegHeader(file);
  if (type === 'gif') return { ...readGifFrame(file), orientation: UPRIGHT };
  if (type === 'webp') return readWebp(file);
  const isVideo = file.toString('latin1', 4, 8) === 'ftyp';
  return refuse(
    isVideo ? 'is an AVIF, HEIC or video; possible are PNG, JPEG, WebP and GIF' : 'is neither PNG, JPEG, WebP nor GIF',
  );
}

type PlainHeader = Extract<FileHeader, { readonly type: 'png' | 'webp' }> & { readonly orientation: Orientation };

const EXIF = 'Exif\0\0';
/** Keyword, and no compression. A compressed text is not read. */
const XMP_KEY = 'XML:com.adobe.xmp\0\0';

/** Source: PNG specification, third edition, W3C 2025, sections 5.3 and 11.2.1. */
function readPng(file: Buffer): PlainHeader {
  if (file.length < 33) refuseCut();
  if (file.toString('latin1', 12, 16) !== 'IHDR') refuse('is no whole PNG: its first chunk is not IHDR');
  let [exif, xmp]: (Orientation | undefined)[] = [];
  for (let at = 8, chunks = 0; ; ) {
    if (++chunks > MOST_CHUNKS) refuse(`is a PNG of more than ${MOST_CHUNKS} chunks`);
    if (at + 12 > file.length) refuseCut();
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > file.length) refuseCut();
    // The decoder passes over wrong checksums. Chunks of a capital letter are those that make the pixels.
    const isCritical = /^[A-Z]/.test(type);
    if (isCritical && crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length))
      refuse(`is no whole PNG: the checksum of its chunk ${type} is wrong`);
    if (type === 'acTL') refuse('is animated; only still pictures are decoded');
    const content = file.subarray(at + 8, at + 8 + length);
    if (type === 'eXIf') exif = readExifOrientation(content);
    if (type === 'iTXt' && content.toString('latin1', 0, XMP_KEY.length) === XMP_KEY) xmp = readXmpOrientation(content);
    if (type === 'IEND') break;
    at += 12 + length;
  }
  const orientation = exif ?? xmp ?? UPRIGHT;
  return { type: 'png', width: file.readUInt32BE(16), height: file.readUInt32BE(20), orientation };
}

/** Source: RFC 9649, sections 2.3 to 2.7. */
function readWebp(file: Buffer): PlainHeader {
  const end = file.readUInt32LE(4) + 8;
  if (end > file.length) refuseCut();
  let [exif, xmp]: (Orientation | undefined)[] = [];
  const sizes: { readonly width: number; readonly height: number }[] = [];
  let hasPixels = false;
  for (let at = 12, chunks = 0; at + 8 <= end; ) {
    if (++chunks > MOST_CHUNKS) refuse(`is a WebP of more than ${MOST_CHUNKS} chunks`);
    const type = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const content = file.subarray(at + 8, at + 8 + length);
    if (at + 8 + length > end) refuseCut();
    if (type === 'ANIM' || type === 'ANMF') refuse('is animated; only still pictures are decoded');
    if (type === 'EXIF') {
      const isNamed = content.toString('latin1', 0, 6) === EXIF;
      exif = readExifOrientation(isNamed ? content.subarray(6) : content);
    }
    if (type === 'XMP ') xmp = readXmpOrientation(content);
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
  return { type: 'webp', ...size, orientation: exif ?? xmp ?? UPRIGHT };
}
