/**
 * Code of WebAssembly in its binary form (https://webassembly.github.io/spec/core/binary). A function here returns the bytes of an
 * instruction behind the bytes of its operands, so an expression reads like one.
 */
export type Code = readonly number[];

type Operation = (...operands: readonly Code[]) => Code;

const SIMD_PREFIX = 0xfd;
const NO_RESULT = 0x40;
const END = 0x0b;
/** Alignments as powers of two. */
const ALIGN_16 = 4;

/** Unsigned LEB128, 0..2^32-1. */
function encodeUnsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** Signed LEB128 of a value that is not negative. */
function encodeSigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 64; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const encodeFloat = (value: number): number[] => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [...bytes];
};

const plain =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), opcode];

const vector =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), SIMD_PREFIX, ...encodeUnsigned(opcode)];

export const i32 = {
  constant: (value: number): Code => [0x41, ...encodeSigned(value)],
  add: plain(0x6a),
  isBelow: plain(0x49),
};

export const v128 = {
  load: (address: Code, offset: number): Code => [...vector(0x00)(address), ALIGN_16, ...encodeUnsigned(offset)],
  store: (address: Code, value: Code): Code => [...vector(0x0b)(address, value), ALIGN_16, 0],
  /** The upper eight bytes, twice. */
  upperHalf: (value: Code): Code => {
    const upper = [8, 9, 10, 11, 12, 13, 14, 15];
    return [...vector(0x0d)(value, value), ...upper, ...upper];
  },
  or: vector(0x50),
  isAnySet: vector(0x53),
};

export const f32x4 = {
  constant: (value: number): Code => {
    const lane = encodeFloat(value);
    return [...vector(0x0c)(), ...lane, ...lane, ...lane, ...lane];
  },
  splat: vector(0x13),
  isAbove: vector(0x44),
  add: vector(0xe4),
  subtract: vector(0xe5),
  multiply: vector(0xe6),
  /** The second operand where it is less, else the first: the first where the second is NaN. */
  pseudoLeast: vector(0xea),
  /** The second operand where it is greater, else the first: the first where the second is NaN. */
  pseudoMost: vector(0xeb),
};

export const i32x4 = {
  shiftLeft: (value: Code, bits: number): Code => vector(0xab)(value, i32.constant(bits)),
  subtract: vector(0xb1),
};

export const f64x2 = {
  /** Widens the lower two f32 lanes. */
  widenLower: vector(0x5f),
  add: vector(0xf0),
};

export const getLocal = (index: number): Code => [0x20, ...encodeUnsigned(index)];
export const setLocal = (index: number, value: Code): Code => [...value, 0x21, ...encodeUnsigned(index)];
export const returnIf = (condition: Code, value: Code): Code => [...condition, 0x04, NO_RESULT, ...value, 0x0f, END];
/** Runs the body, and again as long as the condition holds after it. */
export const repeatWhile = (condition: Code, body: Code): Code => [
  ...[0x03, NO_RESULT, ...body],
  ...[...condition, 0x0d, 0, END],
];

const TYPES = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;
type ValueType = keyof typeof TYPES;

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Vectors that follow the parameters; they begin as zero. */
  readonly vectors: number;
  readonly body: Code;
}

const listOf = (items: readonly Code[]): number[] => [...encodeUnsigned(items.length), ...items.flat()];
const sectionOf = (id: number, content: Code): number[] => [id, ...encodeUnsigned(content.length), ...content];
const typesOf = (types: readonly ValueType[]): number[] => listOf(types.map((type) => [TYPES[type]]));
const nameOf = (name: string): number[] => listOf([...name].map((letter) => [letter.charCodeAt(0)]));

function encodeBody({ vectors, body }: WasmFunction): Code {
  const locals = vectors === 0 ? listOf([]) : listOf([[...encodeUnsigned(vectors), TYPES.v128]]);
  const code = [...locals, ...body, END];
  return [...encodeUnsigned(code.length), ...code];
}

/** Encodes a module that exports its functions, and `memory` of so many pages of 64 KiB. */
export function encodeModule(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const [FUNCTION, MEMORY] = [0, 2];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sectionOf(
      1,
      listOf(functions.map(({ parameters, results }) => [0x60, ...typesOf(parameters), ...typesOf(results)])),
    ),
    ...sectionOf(3, listOf(functions.map((_, index) => encodeUnsigned(index)))),
    ...sectionOf(5, listOf([[0, ...encodeUnsigned(pages)]])),
    ...sectionOf(
      7,
      listOf([
        ...functions.map(({ name }, index) => [...nameOf(name), FUNCTION, ...encodeUnsigned(index)]),
        [...nameOf('memory'), MEMORY, 0],
      ]),
    ),
    ...sectionOf(10, listOf(functions.map(encodeBody))),
  ]);
}
