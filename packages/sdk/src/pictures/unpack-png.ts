import { equalBytes } from '@ogong/protocol/base/bytes';
import { MAX_PIXELS, MAX_SIDE, PIXEL_BYTES, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';

export interface UnpackedPicture extends PictureSize {
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const HEADER_BYTES = 13;
/** Eight bits a channel, red, green and blue, in the only order and with the only filters that PNG has. */
const RGB8 = Uint8Array.of(8, 2, 0, 0, 0);

/**
 * Unpacks a PNG as gateways write it: RGB8, rows with filter 0, and no chunks but those of header, pixels and end. Any other chunk could
 * change how a viewer shows the signed pixels. The size is checked before anything is unpacked.
 * @throws Error if it is no such PNG.
 */
export async function unpackPng(png: Uint8Array): Promise<UnpackedPicture> {
  if (!equalBytes(png.subarray(0, SIGNATURE.length), SIGNATURE)) throw new Error('it is no PNG');
  const { header, data } = readChunks(png);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (!equalBytes(header.subarray(8), RGB8)) throw new Error('its pixels have another form than RGB8');
  const isSide = (side: number): boolean => side >= 1 && side <= MAX_SIDE;
  if (!isSide(width) || !isSide(height) || width * height > MAX_PIXELS)
    throw new Error(`it has ${width}x${height} pixels`);
  const rowBytes = 1 + width * PIXEL_BYTES;
  const rows = await inflate(data, rowBytes * height);
  const pixels = new Uint8Array(width * height * PIXEL_BYTES);
  for (let y = 0; y < height; y++) {
    if (rows[y * rowBytes] !== 0) throw new Error(`row ${y} has a filter`);
    pixels.set(rows.subarray(y * rowBytes + 1, (y + 1) * rowBytes), y * (rowBytes - 1));
  }
  return { width, height, pixels };
}

/** Reads one header, then pixels, then the end, and nothing after it. */
function readChunks(png: Uint8Array): { readonly header: Uint8Array; readonly data: readonly Uint8Array[] } {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  let at = SIGNATURE.length;
  const next = (): { type: string; data: Uint8Array } => {
    if (at + 12 > png.length) throw new Error('it is cut off');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    const data = png.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (at > png.length) throw new Error('it is cut off');
    return { type, data };
  };
  const first = next();
  if (first.type !== 'IHDR' || first.data.length !== HEADER_BYTES) throw new Error('it has no header');
  const data: Uint8Array[] = [];
  for (;;) {
    const chunk = next();
    if (chunk.type === 'IDAT') data.push(chunk.data);
    else if (chunk.type !== 'IEND') throw new Error('it has chunks beside its pixels');
    else if (chunk.data.length > 0 || at !== png.length) throw new Error('bytes follow its end');
    else return { header: first.data, data };
  }
}

/** @throws Error unless exactly so many bytes come out. */
async function inflate(parts: readonly Uint8Array[], sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let held = 0;
  const packed = new Blob([...(parts as readonly Uint8Array<ArrayBuffer>[])]);
  const reader = packed.stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (held + value.length > sizeBytes) {
      await reader.cancel().catch(() => undefined);
      throw new Error('it has more pixels than its header says');
    }
    bytes.set(value, held);
    held += value.length;
  }
  if (held !== sizeBytes) throw new Error('it has fewer pixels than its header says');
  return bytes;
}
