import { crc32, deflateSync } from 'node:zlib';

/**
 * Encodes a mask of a picture to change as PNG: gray and opacity, 8 bits each.
 * @param isPainted whether a column is painted again, so that its pixels are transparent.
 */
export function encodeMask(side: number, isPainted: (column: number) => boolean): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 4], 8);
  // Each row begins with the number of its filter, 0.
  const row = [0, ...Array.from({ length: side }, (_, column) => [0, isPainted(column) ? 0 : 255]).flat()];
  const rows = deflateSync(Uint8Array.from(Array.from({ length: side }, () => row).flat()));
  const chunks = [formatChunk('IHDR', head), formatChunk('IDAT', rows), formatChunk('IEND', new Uint8Array())];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
}

function formatChunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
