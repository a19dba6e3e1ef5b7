import {
  type Code,
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
import { REMAINDER_COEFFICIENTS, STEPS, STEPS_PER_NAT, TABLE } from '../deterministic-math.ts';

const VECTOR_BYTES = 16;
const RESULT_BYTES = 8;
/** Adding it to an f64 integer below 2^28 leaves eight times that in the low 32 bits: the place of a table entry. */
const ENTRY_PLACER = 2 ** 49;

/** Returns the table that the function reads. Values beyond it count as 0, which changes no bit of a sum. */
export const createOrderedTable = (): Float64Array => TABLE.with(STEPS, 0);

/**
 * Writes `sumExponentials` for f32 values in memory. It computes two exponentials at a time and adds one after the other, so that each
 * bit is the same. Its parameters: addresses of the first value and of the end, then for each sum what `toParameters` returns. It stores
 * each sum, f64, from address 0 on.
 * @param sums of different scales: their additions overlap.
 * @param tableAddress of the table.
 */
export function writeOrderedSum(name: string, sums: number, tableAddress: number): WasmFunction {
  const [at, end] = [0, 1];
  const firstVector = 2 + 3 * sums;
  let vectors = 0;
  const takeVector = (): number => firstVector + vectors++;
  const start: Code[] = [];
  const keep = (value: Code): Code => {
    const index = takeVector();
    start.push(setLocal(index, value));
    return getLocal(index);
  };
  const [limit, placer, one, c1, c2, c3] = [STEPS, ENTRY_PLACER, 1, ...REMAINDER_COEFFICIENTS].map((value) =>
    keep(f64x2.constant(value)),
  ) as [Code, Code, Code, Code, Code, Code];
  const chains = Array.from({ length: sums }, (_, index) => ({
    top: keep(f64x2.splat(getLocal(2 + 3 * index))),
    slope: keep(f64x2.splat(getLocal(3 + 3 * index))),
    sum: 4 + 3 * index,
  }));
  const [row, pair, steps, whole, place, term] = Array.from({ length: 6 }, takeVector) as [
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
    return [
      ...setLocal(steps, f64x2.pseudoLeast(limit, f64x2.subtract(top, f64x2.multiply(getLocal(pair), slope)))),
      ...setLocal(whole, f64x2.truncate(getLocal(steps))),
      ...setLocal(place, f64x2.add(getLocal(whole), placer)),
      ...setLocal(steps, f64x2.subtract(rest, getLocal(whole))),
      ...setLocal(term, f64x2.multiply(entries, polynomial)),
      ...setLocal(sum, f64.add(getLocal(sum), f64x2.lane(getLocal(term), 0))),
      ...setLocal(sum, f64.add(getLocal(sum), f64x2.lane(getLocal(term), 1))),
    ];
  };
  const addPair = (values: Code): Code => [...setLocal(pair, f64x2.widenLower(values)), ...chains.flatMap(addTo)];
  const loop = repeatWhile(i32.isBelow(getLocal(at), getLocal(end)), [
    ...setLocal(row, v128.load(getLocal(at), 0)),
    ...addPair(getLocal(row)),
    ...addPair(v128.upperHalf(getLocal(row))),
    ...setLocal(at, i32.add(getLocal(at), i32.constant(VECTOR_BYTES))),
  ]);
  const stores = chains.flatMap(({ sum }, index) => f64.store(i32.constant(index * RESULT_BYTES), getLocal(sum)));
  return {
    name,
    parameters: ['i32', 'i32', ...chains.flatMap(() => ['f64', 'f64', 'f64'] as const)],
    results: [],
    locals: Array.from({ length: vectors }, () => 'v128' as const),
    body: [...start.flat(), ...loop, ...stores],
  };
}

/** Returns the three parameters of a sum; see `sumExponentials`. */
export function toParameters(reference: number, scale: number): readonly [top: number, slope: number, start: number] {
  const slope = scale * STEPS_PER_NAT;
  return [reference * slope, slope, 0];
}
