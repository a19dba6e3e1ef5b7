import { decodeTensorData, isFloatType } from './tensor-data.ts';
import type { Tensor } from './tensor-form.ts';

/**
 * The share of a tensor's largest magnitude below which errors count absolutely. The rounding of a sum follows its summands, so a
 * small result of large ones has a large relative error.
 */
const SMALL_SHARE = 2 ** -6;

/**
 * Computes the distance of two float tensors of one shape: the largest relative error of a value. A small value counts as 1/64 of the
 * largest magnitude.
 * @param claimed committed values. @param own the verifier's.
 * @returns 0 for equal tensors; Infinity if a value that is not finite differs.
 */
export function computeTensorDistance(claimed: Tensor, own: Tensor): number {
  const [a, b] = [claimed, own].map((tensor) => decodeTensorData(tensor) as number[]) as [number[], number[]];
  const floor = computeFloor(b);
  return b.reduce((worst, value, i) => {
    const given = a[i] as number;
    if (Object.is(given, value)) return worst;
    const distance = Math.abs(given - value) / Math.max(Math.abs(value), floor);
    // A NaN or an infinity beside another value must never pass.
    return Number.isFinite(distance) ? Math.max(worst, distance) : Number.POSITIVE_INFINITY;
  }, 0);
}

/** Computes the magnitude below which errors of a tensor count absolutely: 1/64 of its largest finite one. */
export const computeFloor = (values: readonly number[]): number =>
  SMALL_SHARE * values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);

/** Returns whether two lists have the same outputs, but for the values of floats. */
export function hasEqualForm(claimed: readonly Tensor[], own: readonly Tensor[]): boolean {
  return claimed.length === own.length && claimed.every((tensor, i) => isOfForm(tensor, own[i] as Tensor));
}

function isOfForm(a: Tensor, b: Tensor): boolean {
  const isSame = a.name === b.name && a.dtype === b.dtype && a.shape.length === b.shape.length;
  return isSame && a.shape.every((size, i) => size === b.shape[i]);
}

export const isFloatTensor = ({ dtype }: Tensor): boolean => isFloatType(dtype);
