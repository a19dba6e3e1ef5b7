import { promisify } from 'node:util';
import { crc32, deflate, deflateSync } from 'node:zlib';

/** A picture of three bytes a pixel: red, green and blue, row by row. */
export interface PngPicture {
  readonly width: number;
  readonly height: number;
  /** height * width * 3 bytes. */
  readonly pixels: Uint8Array;
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const PIXEL_BYTES = 3;
const compressAside = promisify(deflate);
/** So few bytes are compressed in less time than a thread needs to begin. */
const FEW_BYTES = 8_192;

/**
 * Encodes a picture as PNG: 8 bits a channel, no filter, no interlacing.
 * @throws RangeError if the bytes are not those of the size.
 * Source: PNG specification, third edition, W3C 2025.
 */
export async function encodePng({ width, height, pixels }: PngPicture): Promise<Uint8Array> {
  const rowBytes = width * PIXEL_BYTES;
  if (width < 1 || height < 1 || pixels.length !== rowBytes * height)
    throw new RangeError(`${pixels.length} bytes are no picture of ${width}x${height} pixels`);
  // Each row begins with the number of its filter, 0.
  const rows = new Uint8Array((rowBytes + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // 8 bits a channel, colours without a palette.
  head.set([8, 2], 8);
  const data = rows.length <= FEW_BYTES ? deflateSync(rows) : await compressAside(rows);
  const parts = [formatChunk('IHDR', head), formatChunk('IDAT', data), formatChunk('IEND', NOTHING)];
  return Buffer.concat([SIGNATURE, ...parts]);
}

const NOTHING = new Uint8Array(0);

function formatChunk(type: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
