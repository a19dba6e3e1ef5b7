import { crc32, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodePng } from './png.ts';

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function readChunks(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const named = bytes.subarray(at + 4, at + 8 + length);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(crc32(named));
    chunks.push({ type: named.subarray(0, 4).toString('latin1'), data: named.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

describe('a picture as PNG', () => {
  it('has the size and the pixels of the picture', async () => {
    const [width, height] = [5, 3];
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
    const [head, data, end, ...more] = readChunks(await encodePng({ width, height, pixels }));
    expect([head?.type, data?.type, end?.type, more]).toEqual(['IHDR', 'IDAT', 'IEND', []]);
    expect(head?.data.toString('hex')).toBe('00000005000000030802000000');
    const rows = inflateSync(data?.data as Buffer);
    expect(rows).toHaveLength(height * (1 + width * 3));
    const decoded = Array.from({ length: height }, (_, y) => [...rows.subarray(y * 16, (y + 1) * 16)]);
    expect(decoded.map(([filter]) => filter)).toEqual([0, 0, 0]);
    expect(decoded.flatMap(([, ...row]) => row)).toEqual([...pixels]);
  });

  it('equals a known file around its compressed rows', async () => {
    // One red pixel, as libpng and Pillow write it: head and end do not depend on the compression.
    const file = Buffer.from(await encodePng({ width: 1, height: 1, pixels: Uint8Array.of(255, 0, 0) })).toString(
      'hex',
    );
    expect(file.slice(0, 66)).toBe('89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de');
    expect(file.slice(-24)).toBe('0000000049454e44ae426082');
  });

  it('is refused for bytes of another size', async () => {
    await expect(encodePng({ width: 2, height: 2, pixels: new Uint8Array(11) })).rejects.toThrow(
      '11 bytes are no picture of 2x2 pixels',
    );
    await expect(encodePng({ width: 0, height: 2, pixels: new Uint8Array(0) })).rejects.toThrow(RangeError);
  });
});
