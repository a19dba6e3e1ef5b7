import {
  type Code,
  f32x4,
  f64x2,
  getLocal,
  i32,
  i32x4,
  openModule,
  repeatWhile,
  runIf,
  setLocal,
  v128,
  type WasmFunction,
} from '@ogong/protocol/base/wasm-code';
import { sumExponentials } from '../deterministic-math.ts';
import { COEFFICIENTS, GROUP, LANES, MOST_HALVINGS, ROUNDER, sumLanes } from './lane-sums.ts';
import { createOrderedTable, findFloor, toParameters, writeOrderedSum } from './ordered-sum.ts';
import { numberVectors } from './vectors.ts';

/** A row of a vocabulary, as it is listed: the search for its best values, and its sums in lanes or in ascending order. */
export interface LaneKernel {
  /** Memory of the row; the caller fills it. */
  readonly values: Float32Array;
  /** The ids that `findAbove` found last. */
  readonly found: Uint32Array;
  /**
   * Writes the ids of values above the threshold into `found`, in ascending order, until it is nearly full.
   * @param from a multiple of GROUP.
   * @param threshold f32.
   * @returns how many there are, and the id from which the search goes on, if it has not reached the end.
   */
  findAbove(from: number, threshold: number): { readonly count: number; readonly next: number | undefined };
  /**
   * Finds a value that at least `count` values of the row reach, so that a search for as many may pass over lesser ones.
   * @param count 1..64.
   * @returns -Infinity if it finds none.
   */
  boundBest(count: number): number;
  /**
   * Computes `sumLanes` of the row for one slope or two, in one pass.
   * @param best largest value of the row, finite.
   * @param slopes f32.
   */
  sum(best: number, slopes: readonly number[]): readonly number[];
  /** Computes `sumExponentials` of the row for one scale or two, in one pass. */
  sumInOrder(reference: number, scales: readonly number[]): readonly number[];
}

const VECTOR_BYTES = 16;
const GROUP_BYTES = 4 * GROUP;
const PAGE_BYTES = 2 ** 16;
const MANTISSA_BITS = 23;
/** Parts of a row whose largest values are found, by lane. */
const PARTS = 64;
const COUNT_ADDRESS = 32;
const MOST_ADDRESS = 64;
const FOUND_ADDRESS = MOST_ADDRESS + PARTS * VECTOR_BYTES;
/** Ids that one search finds at most. Nearly every row has fewer values above the bound of its best ones. */
const MOST_FOUND = 256;
const TABLE_ADDRESS = FOUND_ADDRESS + 4 * MOST_FOUND + VECTOR_BYTES;
const table = createOrderedTable();
const ROW_ADDRESS = TABLE_ADDRESS + Math.ceil(table.byteLength / VECTOR_BYTES) * VECTOR_BYTES;

const vectorsOfGroup = Array.from({ length: GROUP_BYTES / VECTOR_BYTES }, (_, i) => i * VECTOR_BYTES);

/**
 * Stores the addresses of values above the threshold from `to` on, and the end of these at COUNT_ADDRESS. It ends with the first group
 * at which `to` reaches the limit. It returns the address of the next group.
 */
function writeSearch(): WasmFunction {
  const [at, end, threshold, to, limit, least] = [0, 1, 2, 3, 4, 5];
  const above = vectorsOfGroup.map((_, index) => 6 + index);
  const [a, b, c, d] = above.map(getLocal) as [Code, Code, Code, Code];
  // Each address is stored, and the next one overwrites it if its value is not above.
  const storeLane = (vector: number, lane: number): Code => [
    ...i32.store(getLocal(to), i32.add(getLocal(at), i32.constant(VECTOR_BYTES * vector + 4 * lane))),
    ...setLocal(to, i32.subtract(getLocal(to), i32.shiftLeft(i32x4.lane(getLocal(6 + vector), lane), i32.constant(2)))),
  ];
  return {
    name: 'findAbove',
    parameters: ['i32', 'i32', 'f32', 'i32', 'i32'],
    results: ['i32'],
    locals: ['v128', ...above.map(() => 'v128' as const)],
    body: [
      ...setLocal(least, f32x4.splat(getLocal(threshold))),
      ...repeatWhile(i32.and(i32.isBelow(getLocal(at), getLocal(end)), i32.isBelow(getLocal(to), getLocal(limit))), [
        ...above.flatMap((local, index) =>
          setLocal(local, f32x4.isAbove(v128.load(getLocal(at), index * VECTOR_BYTES), getLocal(least))),
        ),
        ...runIf(
          v128.isAnySet(v128.or(v128.or(a, b), v128.or(c, d))),
          above.flatMap((_, vector) => Array.from({ length: LANES }, (_, lane) => storeLane(vector, lane)).flat()),
        ),
        ...setLocal(at, i32.add(getLocal(at), i32.constant(GROUP_BYTES))),
      ]),
      ...i32.store(i32.constant(COUNT_ADDRESS), getLocal(to)),
      ...getLocal(at),
    ],
  };
}

/** Stores the largest values of the lanes from `at` to `end`, at least a group. */
function writeMost(): WasmFunction {
  const [at, end, to, most] = [0, 1, 2, 3];
  const next = vectorsOfGroup.reduce<Code>(
    (found, offset) => f32x4.pseudoMost(found, v128.load(getLocal(at), offset)),
    getLocal(most),
  );
  return {
    name: 'findMost',
    parameters: ['i32', 'i32', 'i32'],
    results: [],
    locals: ['v128'],
    body: [
      ...setLocal(most, f32x4.constant(Number.NEGATIVE_INFINITY)),
      ...repeatWhile(i32.isBelow(getLocal(at), getLocal(end)), [
        ...setLocal(most, next),
        ...setLocal(at, i32.add(getLocal(at), i32.constant(GROUP_BYTES))),
      ]),
      ...v128.store(getLocal(to), getLocal(most)),
    ],
  };
}

/** Stores for each slope two f64 whose sum is the sum over the row, from address 0 on. */
function writeSum(name: string, slopes: number): WasmFunction {
  const [at, end, best] = [0, 1, 2];
  const { locals, start, take, keep } = numberVectors(3 + slopes);
  const bests = keep(f32x4.splat(getLocal(best)));
  const [limit, rounder, one] = [MOST_HALVINGS, ROUNDER, 1].map((value) => keep(f32x4.constant(value))) as Code[] as [
    Code,
    Code,
    Code,
  ];
  const coefficients = COEFFICIENTS.map((value) => keep(f32x4.constant(value)));
  const sums = Array.from({ length: slopes }, (_, index) => ({
    slope: keep(f32x4.splat(getLocal(3 + index))),
    ...{ lower: take(), upper: take(), group: take() },
  }));
  const [distance, halvings, rounded] = [take(), take(), take()];

  /** 2^-halvings: the polynomial, whose exponent then falls by the integer in the low bits of `rounded`. */
  const computePower = (slope: Code): { readonly prepare: Code; readonly power: Code } => {
    const rest = getLocal(halvings);
    const polynomial = coefficients.reduceRight((power, next) => f32x4.add(f32x4.multiply(power, rest), next));
    return {
      prepare: [
        ...setLocal(halvings, f32x4.pseudoLeast(limit, f32x4.multiply(getLocal(distance), slope))),
        ...setLocal(rounded, f32x4.add(getLocal(halvings), rounder)),
        ...setLocal(halvings, f32x4.subtract(rest, f32x4.subtract(getLocal(rounded), rounder))),
      ],
      power: i32x4.subtract(
        f32x4.add(f32x4.multiply(polynomial, rest), one),
        i32x4.shiftLeft(getLocal(rounded), MANTISSA_BITS),
      ),
    };
  };
  const addVector = (offset: number): Code => [
    ...setLocal(distance, f32x4.subtract(bests, v128.load(getLocal(at), offset))),
    ...sums.flatMap(({ slope, group }) => {
      const { prepare, power } = computePower(slope);
      return [...prepare, ...setLocal(group, offset === 0 ? power : f32x4.add(getLocal(group), power))];
    }),
  ];
  const addGroup = sums.flatMap(({ lower, upper, group }) => [
    ...setLocal(lower, f64x2.add(getLocal(lower), f64x2.widenLower(getLocal(group)))),
    ...setLocal(upper, f64x2.add(getLocal(upper), f64x2.widenLower(v128.upperHalf(getLocal(group))))),
  ]);
  const loop = repeatWhile(i32.isBelow(getLocal(at), getLocal(end)), [
    ...vectorsOfGroup.flatMap(addVector),
    ...addGroup,
    ...setLocal(at, i32.add(getLocal(at), i32.constant(GROUP_BYTES))),
  ]);
  const stores = sums.flatMap(({ lower, upper }, index) =>
    v128.store(i32.constant(index * VECTOR_BYTES), f64x2.add(getLocal(lower), getLocal(upper))),
  );
  return {
    name,
    parameters: ['i32', 'i32', 'f32', ...Array.from({ length: slopes }, () => 'f32' as const)],
    results: [],
    locals,
    body: [...start.flat(), ...loop, ...stores],
  };
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  findAbove(at: number, end: number, threshold: number, to: number, limit: number): number;
  findMost(at: number, end: number, to: number): void;
  sumOnce(at: number, end: number, best: number, slope: number): void;
  sumTwice(at: number, end: number, best: number, first: number, second: number): void;
  addOnce(at: number, end: number, ...sum: OrderedSum): void;
  addTwice(at: number, end: number, ...sums: [...OrderedSum, ...OrderedSum]): void;
  addOnceAbove(at: number, end: number, ...sum: [...OrderedSum, floor: number]): void;
  addTwiceAbove(at: number, end: number, ...sums: [...OrderedSum, ...OrderedSum, floor: number]): void;
}

type OrderedSum = ReturnType<typeof toParameters>;

/** Opens the kernel in WebAssembly. @returns undefined on a machine without vector instructions. */
export function openWasmKernel(vocabularySize: number): LaneKernel | undefined {
  const bytes = Math.ceil(vocabularySize / GROUP) * GROUP_BYTES;
  const end = ROW_ADDRESS + bytes;
  const functions = [
    ...[writeSearch(), writeMost(), writeSum('sumOnce', 1), writeSum('sumTwice', 2)],
    ...['addOnce', 'addTwice'].flatMap((name, index) => {
      const options = { sums: index + 1, tableAddress: TABLE_ADDRESS };
      return [
        writeOrderedSum(name, { ...options, hasFloor: false }),
        writeOrderedSum(`${name}Above`, { ...options, hasFloor: true }),
      ];
    }),
  ];
  const exports = openModule(functions, Math.ceil(end / PAGE_BYTES)) as Exports | undefined;
  if (exports === undefined) return undefined;
  const { memory, findAbove, findMost, sumOnce, sumTwice, addOnce, addTwice, addOnceAbove, addTwiceAbove } = exports;
  new Float64Array(memory.buffer, TABLE_ADDRESS, table.length).set(table);
  const results = new Float64Array(memory.buffer, 0, 4);
  new Float32Array(memory.buffer, ROW_ADDRESS, bytes / 4).fill(Number.NEGATIVE_INFINITY);
  const most = new Float32Array(memory.buffer, MOST_ADDRESS, PARTS * LANES);
  const found = new Uint32Array(memory.buffer, FOUND_ADDRESS, MOST_FOUND);
  const foundEnd = new Uint32Array(memory.buffer, COUNT_ADDRESS, 1);
  const partBytes = Math.ceil(bytes / GROUP_BYTES / PARTS) * GROUP_BYTES;
  const readSum = (index: number): number => (results[2 * index] as number) + (results[2 * index + 1] as number);
  return {
    values: new Float32Array(memory.buffer, ROW_ADDRESS, vocabularySize),
    found,
    findAbove(from, threshold) {
      // A group may find as many more as it has values.
      const limit = FOUND_ADDRESS + 4 * (MOST_FOUND - GROUP + 1);
      const next = findAbove(ROW_ADDRESS + 4 * from, end, threshold, FOUND_ADDRESS, limit);
      const count = ((foundEnd[0] as number) - FOUND_ADDRESS) / 4;
      for (let i = 0; i < count; i++) found[i] = ((found[i] as number) - ROW_ADDRESS) / 4;
      return { count, next: next < end ? (next - ROW_ADDRESS) / 4 : undefined };
    },
    boundBest(count) {
      most.fill(Number.NEGATIVE_INFINITY);
      for (let part = 0, at = ROW_ADDRESS; at < end; part++, at += partBytes)
        findMost(at, Math.min(at + partBytes, end), MOST_ADDRESS + part * VECTOR_BYTES);
      // Each is the largest of other values.
      return selectRank(most, most.length - count);
    },
    sum(best, [first = 0, second]) {
      if (second === undefined) sumOnce(ROW_ADDRESS, end, best, first);
      else sumTwice(ROW_ADDRESS, end, best, first, second);
      return second === undefined ? [readSum(0)] : [readSum(0), readSum(1)];
    },
    sumInOrder(reference, scales) {
      const [first = 1, second] = scales;
      const sum = toParameters(reference, first);
      const other = second === undefined ? undefined : toParameters(reference, second);
      const floor = findFloor(reference, scales);
      if (floor === undefined) {
        if (other === undefined) addOnce(ROW_ADDRESS, end, ...sum);
        else addTwice(ROW_ADDRESS, end, ...sum, ...other);
      } else if (other === undefined) addOnceAbove(ROW_ADDRESS, end, ...sum, floor);
      else addTwiceAbove(ROW_ADDRESS, end, ...sum, ...other, floor);
      const [one, two] = results as unknown as [number, number];
      return other === undefined ? [one] : [one, two];
    },
  };
}

/** Returns the value that sorting would bring to an index. Reorders the values, none of which is NaN. */
function selectRank(values: Float32Array, index: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[index] as number;
    let [i, j] = [low, high];
    while (i <= j) {
      while ((values[i] as number) < pivot) i++;
      while ((values[j] as number) > pivot) j--;
      if (i > j) break;
      const value = values[i] as number;
      values[i++] = values[j] as number;
      values[j--] = value;
    }
    if (j < index) low = i;
    if (i > index) high = j;
  }
  return values[index] as number;
}

/** Opens the kernel in plain numbers. */
export function openPlainKernel(vocabularySize: number): LaneKernel {
  const values = new Float32Array(vocabularySize);
  const found = new Uint32Array(vocabularySize);
  return {
    values,
    found,
    findAbove(from, threshold) {
      let count = 0;
      for (let id = from; id < vocabularySize; id++) if ((values[id] as number) > threshold) found[count++] = id;
      return { count, next: undefined };
    },
    boundBest: () => Number.NEGATIVE_INFINITY,
    sum: (best, slopes) => slopes.map((slope) => sumLanes(values, best, slope)),
    sumInOrder: (reference, scales) =>
      scales.map((scale) => sumExponentials(values, { offset: 0, length: vocabularySize, reference, scale })),
  };
}
