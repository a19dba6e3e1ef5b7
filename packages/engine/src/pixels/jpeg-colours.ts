import type { JpegComponent, JpegHeader } from './jpeg-header.ts';

const SCALE_BITS = 16;
const fix = (value: number): number => Math.trunc(value * (1 << SCALE_BITS) + 0.5);
const HALF = 1 << (SCALE_BITS - 1);

/** Parts of a colour that follow from the values of Cb and Cr. Source: `build_ycc_rgb_table` of libjpeg. */
const byChroma = (compute: (chroma: number) => number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, value) => compute(value - 128));
const RED = byChroma((cr) => (fix(1.402) * cr + HALF) >> SCALE_BITS);
const BLUE = byChroma((cb) => (fix(1.772) * cb + HALF) >> SCALE_BITS);
const GREEN_CR = byChroma((cr) => -fix(0.71414) * cr);
const GREEN_CB = byChroma((cb) => -fix(0.34414) * cb + HALF);

/** Components by pixel in the first three of each four bytes, as a decoder leaves them that computes no colours. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** A component has half the rows of the picture, and all columns. */
export function hasHalfRows(component: JpegComponent, { components }: Pick<JpegHeader, 'components'>): boolean {
  const mostAcross = Math.max(...components.map(({ across }) => across));
  const mostDown = Math.max(...components.map(({ down }) => down));
  return component.across === mostAcross && 2 * component.down === mostDown;
}

/** One channel of planes. */
export interface PlaneChannel {
  readonly planes: Planes;
  /** 0 to 2. */
  readonly channel: number;
}

/**
 * Writes the rows of a component with half the rows as `h1v2_fancy_upsample` of libjpeg-turbo 3 does. A row is 3/4 of the nearer sample
 * and 1/4 of the next one. Changes the data of the target.
 */
export function blendRows(half: PlaneChannel, { planes: { width, height, data }, channel }: PlaneChannel): void {
  const rows = half.planes.height;
  const startOf = (row: number): number => 4 * Math.min(Math.max(row, 0), rows - 1) * width + half.channel;
  for (let y = 0; y < height; y++) {
    const own = startOf(y >> 1);
    const next = startOf((y >> 1) + (y % 2 === 0 ? -1 : 1));
    const bias = y % 2 === 0 ? 1 : 2;
    for (let x = 0; x < 4 * width; x += 4) {
      const sum = 3 * (half.planes.data[own + x] as number) + (half.planes.data[next + x] as number);
      data[4 * y * width + x + channel] = (sum + bias) >> 2;
    }
  }
}

/** Computes colours of YCbCr as libjpeg does. Changes the data, whose clamped bytes bound the values. */
export function toRgb({ data }: Planes): void {
  for (let at = 0; at < data.length; at += 4) {
    const [y, cb, cr] = [data[at] as number, data[at + 1] as number, data[at + 2] as number];
    data[at] = y + (RED[cr] as number);
    data[at + 1] = y + (((GREEN_CB[cb] as number) + (GREEN_CR[cr] as number)) >> SCALE_BITS);
    data[at + 2] = y + (BLUE[cb] as number);
  }
}

/**
 * Computes colours of inverted CMYK, as Pillow does. A value c under the black k becomes k - (255 - c) k / 255, rounded. Changes the
 * data.
 * @param blacks has the last component in its third channel.
 */
export function darken({ data }: Planes, blacks: Planes): void {
  for (let at = 0; at < data.length; at += 4) {
    const black = blacks.data[at + 2] as number;
    for (let channel = at; channel < at + 3; channel++) {
      const product = (255 - (data[channel] as number)) * black + 128;
      data[channel] = black - (((product >> 8) + product) >> 8);
    }
  }
}

/** Inverts the first three channels, as YCCK has them after `toRgb`. Changes the data. */
export function invert({ data }: Planes): void {
  for (let at = 0; at < data.length; at += 4) {
    for (let channel = at; channel < at + 3; channel++) data[channel] = 255 - (data[channel] as number);
  }
}
