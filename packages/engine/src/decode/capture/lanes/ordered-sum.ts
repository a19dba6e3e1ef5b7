import {
  type Code,
  f32x4,
  f64,
  f64x2,
  getLocal,
  i32,
  i32x4,
  repeatWhile,
  setLocal,
  v128,
  type WasmFunction,
} from '@ogong/protocol/base/wasm-code';
import { CUTOFF_NATS, REMAINDER_COEFFICIENTS, STEPS, STEPS_PER_NAT, TABLE } from '../deterministic-math.ts';
import { numberVectors } from './vectors.ts';

const VECTOR_BYTES = 16;
const RESULT_BYTES = 8;
/** Adding it to an f64 integer below 2^28 leaves eight times that in the low 32 bits: the place of a table entry. */
const ENTRY_PLACER = 2 ** 49;

/** Steps from the largest value on that have an entry. From STEPS on it is 0, which changes no bit of a sum. */
const TABLE_STEPS = 2 * STEPS;

/** Returns the table that the functions read. */
export function createOrderedTable(): Float64Array {
  const table = new Float64Array(TABLE_STEPS);
  table.set(TABLE.subarray(0, STEPS));
  return table;
}

/**
 * Writes `sumExponentials` for f32 values in memory. It computes two exponentials at a time and adds one after the other, so that each
 * bit is the same. Its parameters: addresses of the first value and of the end, for each sum what `toParameters` returns, and with a
 * floor what `findFloor` returns. It stores each sum, f64, from address 0 on.
 * @param sums of different scales: their additions overlap.
 * @param tableAddress of the table.
 * @param hasFloor whether lesser values are raised to a floor, which costs less than a limit for each value and scale.
 */
export function writeOrderedSum(
  name: string,
  {
    sums,
    tableAddress,
    hasFloor,
  }: { readonly sums: number; readonly tableAddress: number; readonly hasFloor: boolean },
): WasmFunction {
  const [at, end] = [0, 1];
  const floorValue = 2 + 3 * sums;
  const { locals, start, take, keep } = numberVectors(hasFloor ? floorValue + 1 : floorValue);
  const [limit, placer, one, c1, c2, c3] = [STEPS, ENTRY_PLACER, 1, ...REMAINDER_COEFFICIENTS].map((value) =>
    keep(f64x2.constant(value)),
  ) as [Code, Code, Code, Code, Code, Code];
  const chains = Array.from({ length: sums }, (_, index) => ({
    top: keep(f64x2.splat(getLocal(2 + 3 * index))),
    slope: keep(f64x2.splat(getLocal(3 + 3 * index))),
    sum: 4 + 3 * index,
  }));
  const floor = hasFloor ? keep(f32x4.splat(getLocal(floorValue))) : undefined;
  const [row, pair, steps, whole, place, term] = Array.from({ length: 6 }, take) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];

  const addTo = ({ top, slope, sum }: (typeof chains)[number]): Code => {
    const rest = getLocal(steps);
    const entries = v128.gather(i32x4.lane(getLocal(place), 0), i32x4.lane(getLocal(place), 2), tableAddress);
    const polynomial = f64x2.add(
      f64x2.subtract(one, f64x2.multiply(rest, c1)),
      f64x2.multiply(f64x2.multiply(rest, rest), f64x2.subtract(c2, f64x2.multiply(rest, c3))),
    );
    const distance = f64x2.subtract(top, f64x2.multiply(getLocal(pair), slope));
    return [
      ...setLocal(steps, hasFloor ? distance : f64x2.pseudoLeast(limit, distance)),
      ...setLocal(whole, f64x2.truncate(getLocal(steps))),
      ...setLocal(place, f64x2.add(getLocal(whole), placer)),
      ...setLocal(steps, f64x2.subtract(rest, getLocal(whole))),
      ...setLocal(term, f64x2.multiply(entries, polynomial)),
      ...setLocal(sum, f64.add(getLocal(sum), f64x2.lane(getLocal(term), 0))),
      ...setLocal(sum, f64.add(getLocal(sum), f64x2.lane(getLocal(term), 1))),
    ];
  };
  const addPair = (values: Code): Code => [...setLocal(pair, f64x2.widenLower(values)), ...chains.flatMap(addTo)];
  const values = v128.load(getLocal(at), 0);
  const loop = repeatWhile(i32.isBelow(getLocal(at), getLocal(end)), [
    ...setLocal(row, floor === undefined ? values : f32x4.pseudoMost(floor, values)),
    ...addPair(getLocal(row)),
    ...addPair(v128.upperHalf(getLocal(row))),
    ...setLocal(at, i32.add(getLocal(at), i32.constant(VECTOR_BYTES))),
  ]);
  const stores = chains.flatMap(({ sum }, index) => f64.store(i32.constant(index * RESULT_BYTES), getLocal(sum)));
  return {
    name,
    parameters: [
      ...(['i32', 'i32'] as const),
      ...chains.flatMap(() => ['f64', 'f64', 'f64'] as const),
      ...(hasFloor ? (['f32'] as const) : []),
    ],
    results: [],
    locals,
    body: [...start.flat(), ...loop, ...stores],
  };
}

/** Returns the three parameters of a sum; see `sumExponentials`. */
export function toParameters(reference: number, scale: number): readonly [top: number, slope: number, start: number] {
  const slope = scale * STEPS_PER_NAT;
  return [reference * slope, slope, 0];
}

/**
 * Finds a value whose exponentials are 0 at all scales, so that lesser values may count as this one.
 * @returns f32; undefined if the scales are so far apart, or the values so large, that the table does not reach it.
 */
export function findFloor(reference: number, scales: readonly number[]): number | undefined {
  const floor = Math.fround(reference - (CUTOFF_NATS + 1) / Math.min(...scales));
  const isInTable = scales.every((scale) => {
    const [top, slope] = toParameters(reference, scale);
    const steps = top - floor * slope;
    return steps >= STEPS && steps < TABLE_STEPS;
  });
  return isInTable ? floor : undefined;
}
