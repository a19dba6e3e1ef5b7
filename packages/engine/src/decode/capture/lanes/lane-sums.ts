/**
 * Sums of exponentials over a vocabulary in lanes (docs/spec/lanes.md), with one result on every machine. This is the definition
 * in plain numbers; lane-kernel.ts computes the same bits with vector instructions.
 */

/** Values that are added in f32 before a lane takes them: four of each lane. */
export const GROUP = 16;
export const LANES = 4;
/** Largest exponent: 2^-120 is far below the last bit of a sum, and a normal f32. */
export const MOST_HALVINGS = 120;
/** Adding it to an f32 below 2^22 rounds that to an integer, ties to even. */
export const ROUNDER = 1.5 * 2 ** 23;
/** f32 coefficients of 2^-f for f in -1/2..1/2, from f^1 on; that of f^0 is 1. The relative error is below 2e-7. */
export const COEFFICIENTS = [
  -0.6931469440460205, 0.24022245407104492, -0.055507343262434006, 0.00967151764780283, -0.0013264735462144017,
] as const;

const { fround } = Math;
const [C1, C2, C3, C4, C5] = COEFFICIENTS;
const POWERS = Float64Array.from({ length: MOST_HALVINGS + 1 }, (_, whole) => 2 ** -whole);

/** Computes 2^-min(120, (best - value) * slope) in f32; 2^-120 for NaN. */
function halve(value: number, best: number, slope: number): number {
  const product = fround(fround(best - value) * slope);
  const halvings = product < MOST_HALVINGS ? product : MOST_HALVINGS;
  const whole = fround(fround(halvings + ROUNDER) - ROUNDER);
  const rest = fround(halvings - whole);
  const third = fround(fround(fround(fround(C5 * rest) + C4) * rest) + C3);
  const first = fround(fround(fround(fround(third * rest) + C2) * rest) + C1);
  return fround(fround(first * rest) + 1) * (POWERS[whole] as number);
}

/**
 * Computes the sum of 2^-((best - value) * slope) over a row, f64. Its relative error is below 2^-24 * (3d + 7), with d the mean of
 * their logarithms in nats, without the sign and weighted by the terms.
 * @param best the largest value, finite.
 * @param slope f32: log2(e) / temperature.
 */
export function sumLanes(values: Float32Array, best: number, slope: number): number {
  const { length } = values;
  const lanes = new Float64Array(LANES);
  for (let group = 0; group < length; group += GROUP) {
    for (let lane = 0; lane < LANES; lane++) {
      let sum = 0;
      for (let i = group + lane; i < group + GROUP; i += LANES) {
        // Values behind the last one count as -Infinity.
        const power = halve(i < length ? (values[i] as number) : Number.NEGATIVE_INFINITY, best, slope);
        sum = fround(sum + power);
      }
      lanes[lane] = (lanes[lane] as number) + sum;
    }
  }
  const [a, b, c, d] = lanes as unknown as [number, number, number, number];
  return a + c + (b + d);
}
