import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MAX_SIDE, type ResizeFilter, resizeRaster } from './resize.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../protocol/vectors/resize.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly {
    readonly from: readonly [width: number, height: number];
    readonly to: readonly [width: number, height: number];
    readonly filter: ResizeFilter;
    readonly sha256: string;
  }[];
};

/** Bytes of a linear congruential generator, as in write-resize-vectors.py. */
function fill(length: number): Uint8Array {
  let state = 1n;
  return Uint8Array.from({ length }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return Number(state >> 23n);
  });
}

const toRaster = (width: number, height: number) => ({
  ...{ width, height, channels: 3, data: fill(width * height * 3) },
});

describe('a resized raster', () => {
  it.each(vectors.cases)("from $from to $to by $filter has Pillow's bytes", ({ from, to, filter, sha256 }) => {
    const [width, height] = to;
    const { data } = resizeRaster(toRaster(...from), { width, height, filter });
    expect(data).toHaveLength(width * height * 3);
    expect(createHash('sha256').update(data).digest('hex')).toBe(sha256);
  });

  it('is the same raster if its size stays', () => {
    const raster = toRaster(7, 5);
    expect(resizeRaster(raster, { width: 7, height: 5, filter: 'bicubic' })).toEqual(raster);
  });

  it.each([0, -1, 2.5, MAX_SIDE + 1, Number.NaN])('has no side of %s pixels', (side) => {
    expect(() => resizeRaster(toRaster(2, 2), { width: side, height: 2, filter: 'bilinear' })).toThrow(RangeError);
    expect(() => resizeRaster(toRaster(2, 2), { width: 2, height: side, filter: 'bilinear' })).toThrow(RangeError);
  });

  it('has as many values as its size says', () => {
    const short = { ...toRaster(4, 4), data: fill(47) };
    expect(() => resizeRaster(short, { width: 2, height: 2, filter: 'lanczos' })).toThrow('47 values');
  });
});
