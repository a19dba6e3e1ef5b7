/** Filters of Pillow, by the names of `preprocessor_config.json` in lower case. */
export type ResizeFilter = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';

/** Filters that weigh several pixels. */
type WeighingFilter = Exclude<ResizeFilter, 'nearest'>;

/** Pixels of 8 bits, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** Values of each pixel: 3 for RGB, 1 for gray. */
  readonly channels: number;
  /** width * height * channels values. */
  readonly data: Uint8Array;
}

/** The longest side of a raster, pixels. */
export const MAX_SIDE = 16_384;

/** Bits behind the point of a weight: Pillow's accumulators have 32 bits, and 8 bits of value need 2 bits of room. */
const WEIGHT_BITS = 32 - 8 - 2;
const HALF = 1 << (WEIGHT_BITS - 1);
const SINE_TERMS = 12;

/** Computes sin(pi x) by + - * / alone. The platform's sine may differ in its last bit. */
function sinePi(x: number): number {
  const whole = Math.round(x);
  const angle = (x - whole) * Math.PI;
  let term = angle;
  let sum = angle;
  for (let n = 1; n <= SINE_TERMS; n++) {
    term *= (-angle * angle) / (2 * n * (2 * n + 1));
    sum += term;
  }
  return whole % 2 === 0 ? sum : -sum;
}

const sinc = (x: number): number => (x === 0 ? 1 : sinePi(x) / (x * Math.PI));

/** Kernels with the distance at which they end. */
const KERNELS: Readonly<Record<WeighingFilter, { readonly reach: number; readonly weigh: (x: number) => number }>> = {
  bilinear: { reach: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    reach: 2,
    weigh(x) {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { reach: 3, weigh: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Weights of the source pixels of each target pixel. */
interface Weights {
  /** First source pixel, by target pixel. */
  readonly first: Int32Array;
  /** Number of source pixels, by target pixel. */
  readonly count: Int32Array;
  /** `most` weights for each target pixel, 2^-22. */
  readonly weights: Int32Array;
  readonly most: number;
}

function computeWeights(from: number, to: number, filter: WeighingFilter): Weights {
  const { reach, weigh } = KERNELS[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * most);
  const exact = new Float64Array(most);
  for (let at = 0; at < to; at++) {
    const center = (at + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const high = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let i = 0; i < high - low; i++) {
      const weight = weigh((i + low - center + 0.5) * (1 / stretch));
      exact[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < high - low; i++) {
      const weight = (sum === 0 ? (exact[i] as number) : (exact[i] as number) / sum) * (1 << WEIGHT_BITS);
      weights[at * most + i] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[at] = low;
    count[at] = high - low;
  }
  return { first, count, weights, most };
}

const clip = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

function resizeRows({ width, height, channels, data }: Raster, to: number, filter: WeighingFilter): Raster {
  const { first, count, weights, most } = computeWeights(width, to, filter);
  const resized = new Uint8Array(to * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const begin = (y * width + (first[x] as number)) * channels;
      const taps = count[x] as number;
      for (let channel = 0; channel < channels; channel++) {
        let sum = HALF;
        for (let i = 0; i < taps; i++)
          sum += (data[begin + i * channels + channel] as number) * (weights[x * most + i] as number);
        resized[(y * to + x) * channels + channel] = clip(sum >> WEIGHT_BITS);
      }
    }
  }
  return { width: to, height, channels, data: resized };
}

function resizeColumns({ width, height, channels, data }: Raster, to: number, filter: WeighingFilter): Raster {
  const { first, count, weights, most } = computeWeights(height, to, filter);
  const row = width * channels;
  const resized = new Uint8Array(to * row);
  for (let y = 0; y < to; y++) {
    const begin = (first[y] as number) * row;
    const taps = count[y] as number;
    for (let x = 0; x < row; x++) {
      let sum = HALF;
      for (let i = 0; i < taps; i++) sum += (data[begin + i * row + x] as number) * (weights[y * most + i] as number);
      resized[y * row + x] = clip(sum >> WEIGHT_BITS);
    }
  }
  return { width, height: to, channels, data: resized };
}

/** Finds the source pixel of each target pixel. Pillow adds the scale up, and its sums of doubles are repeated. */
function findNearest(from: number, to: number): Int32Array {
  const scale = from / to;
  let at = scale * 0.5;
  return Int32Array.from({ length: to }, () => {
    const found = Math.min(from - 1, Math.trunc(at));
    at += scale;
    return found;
  });
}

function takeNearest({ width, height, channels, data }: Raster, toWidth: number, toHeight: number): Raster {
  const columns = findNearest(width, toWidth);
  const rows = findNearest(height, toHeight);
  const taken = new Uint8Array(toWidth * toHeight * channels);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) taken[to++] = data[from + channel] as number;
    }
  }
  return { width: toWidth, height: toHeight, channels, data: taken };
}

/**
 * Resizes as Pillow does, which prepares pictures for the training of most models: first the rows, then the columns, with weights of
 * integers. Every machine gets the same bytes.
 * @throws RangeError if a side is not an integer in 1..MAX_SIDE, or if the data has another length.
 */
export function resizeRaster(
  raster: Raster,
  { width, height, filter }: { readonly width: number; readonly height: number; readonly filter: ResizeFilter },
): Raster {
  for (const side of [raster.width, raster.height, width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE) throw new RangeError(`a side of ${side} pixels`);
  }
  if (raster.data.length !== raster.width * raster.height * raster.channels)
    throw new RangeError(`${raster.data.length} values of a raster of ${raster.width} x ${raster.height}`);
  if (filter === 'nearest') return takeNearest(raster, width, height);
  const wide = width === raster.width ? raster : resizeRows(raster, width, filter);
  return height === raster.height ? wide : resizeColumns(wide, height, filter);
}
