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
const [ALIGN_8, ALIGN_16] = [3, 4];

/** Unsigned LEB128, 0..2^32-1. */
function encodeUnsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** Signed LEB128, -2^31..2^31-1. */
function encodeSigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -64 || rest >= 64; rest >>= 7) bytes.push((rest & 127) + 128);
  return [...bytes, rest & 127];
}

const encodeFloat = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];

const encodeDouble = (value: number): number[] => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [...bytes];
};

const plain =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), opcode];

const vector =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), SIMD_PREFIX, ...encodeUnsigned(opcode)];

/** Reads a value at an address, which needs no alignment. */
const load =
  (opcode: number) =>
  (address: Code, offset = 0): Code => [...address, opcode, 0, ...encodeUnsigned(offset)];

const store =
  (opcode: number) =>
  (address: Code, value: Code, offset = 0): Code => [...address, ...value, opcode, 0, ...encodeUnsigned(offset)];

/** Integers of 32 bits; comparisons and divisions read them as unsigned. */
export const i32 = {
  constant: (value: number): Code => [0x41, ...encodeSigned(value)],
  load: load(0x28),
  loadByte: load(0x2d),
  store: store(0x36),
  storeByte: store(0x3a),
  isZero: plain(0x45),
  isEqual: plain(0x46),
  isDifferent: plain(0x47),
  isBelow: plain(0x49),
  isAbove: plain(0x4b),
  isAtLeast: plain(0x4f),
  add: plain(0x6a),
  subtract: plain(0x6b),
  and: plain(0x71),
  or: plain(0x72),
  xor: plain(0x73),
  shiftLeft: plain(0x74),
  shiftRight: plain(0x76),
  rotateLeft: plain(0x77),
  rotateRight: plain(0x78),
  fromLong: plain(0xa7),
};

/** Integers of 64 bits. */
export const i64 = {
  constant: (value: number): Code => [0x42, ...encodeSigned(value)],
  /** Reads eight bytes, the first one as the highest. */
  loadBigEndian: (address: Code, offset: number): Code => {
    const reversed = [7, 6, 5, 4, 3, 2, 1, 0];
    const bytes = [...vector(0x5d)(address), 0, ...encodeUnsigned(offset)];
    return [...vector(0x0d)(bytes, bytes), ...reversed, ...reversed, ...vector(0x1d)(), 0];
  },
  load: load(0x29),
  store: store(0x37),
  add: plain(0x7c),
  divide: plain(0x80),
  and: plain(0x83),
  or: plain(0x84),
  countZeros: plain(0x79),
  xor: plain(0x85),
  shiftLeft: plain(0x86),
  shiftRight: plain(0x88),
  rotateLeft: plain(0x89),
  fromInteger: plain(0xad),
};

export const f64 = {
  add: plain(0xa0),
  store: (address: Code, value: Code): Code => [...plain(0x39)(address, value), ALIGN_8, 0],
};

export const v128 = {
  load: (address: Code, offset: number): Code => [...vector(0x00)(address), ALIGN_16, ...encodeUnsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...vector(0x0b)(address, value),
    ...[ALIGN_16, ...encodeUnsigned(offset)],
  ],
  /** Two values of eight bytes, from the address of each plus the offset. */
  gather: (lower: Code, upper: Code, offset: number): Code => {
    const at = [ALIGN_8, ...encodeUnsigned(offset)];
    const first = [...vector(0x5d)(lower), ...at];
    return [...vector(0x57)(upper, first), ...at, 1];
  },
  /** The upper eight bytes, twice. */
  upperHalf: (value: Code): Code => {
    const upper = [8, 9, 10, 11, 12, 13, 14, 15];
    return [...vector(0x0d)(value, value), ...upper, ...upper];
  },
  /** Four copies of the i32 at an address. */
  loadSplat: (address: Code, offset: number): Code => [...vector(0x09)(address), 0, ...encodeUnsigned(offset)],
  and: vector(0x4e),
  or: vector(0x50),
  xor: vector(0x51),
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
  shiftRight: (value: Code, bits: number): Code => vector(0xad)(value, i32.constant(bits)),
  add: vector(0xae),
  subtract: vector(0xb1),
  lane: (value: Code, lane: number): Code => [...vector(0x1b)(value), lane],
};

export const f64x2 = {
  constant: (value: number): Code => [...vector(0x0c)(), ...encodeDouble(value), ...encodeDouble(value)],
  splat: vector(0x14),
  /** Widens the lower two f32 lanes. */
  widenLower: vector(0x5f),
  lane: (value: Code, lane: number): Code => [...vector(0x21)(value), lane],
  truncate: vector(0x7a),
  add: vector(0xf0),
  subtract: vector(0xf1),
  multiply: vector(0xf2),
  /** The second operand where it is less, else the first: the first where the second is NaN. */
  pseudoLeast: vector(0xf6),
};

export const getLocal = (index: number): Code => [0x20, ...encodeUnsigned(index)];
export const setLocal = (index: number, value: Code): Code => [...value, 0x21, ...encodeUnsigned(index)];
/** Runs the body if the condition is not zero. */
export const runIf = (condition: Code, body: Code, otherwise: Code = []): Code => [
  ...[...condition, 0x04, NO_RESULT, ...body],
  ...(otherwise.length > 0 ? [0x05, ...otherwise] : []),
  END,
];
export const returnIf = (condition: Code, value: Code): Code => runIf(condition, [...value, 0x0f]);
/** Runs the body, and again as long as the condition holds after it. */
export const repeatWhile = (condition: Code, body: Code): Code => [
  ...[0x03, NO_RESULT, ...body],
  ...[...condition, 0x0d, 0, END],
];

const TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof TYPES;

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Locals that follow the parameters; they begin as zero. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

const listOf = (items: readonly Code[]): number[] => [...encodeUnsigned(items.length), ...items.flat()];
const sectionOf = (id: number, content: Code): number[] => [id, ...encodeUnsigned(content.length), ...content];
const typesOf = (types: readonly ValueType[]): number[] => listOf(types.map((type) => [TYPES[type]]));
const nameOf = (name: string): number[] => listOf([...name].map((letter) => [letter.charCodeAt(0)]));

function encodeBody({ locals, body }: WasmFunction): Code {
  const code = [...listOf(locals.map((type) => [1, TYPES[type]])), ...body, END];
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

export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

/** Numbers the locals of a function as they are taken. @param parameters of the function, which come first. */
export function createLocals(parameters: readonly ValueType[]) {
  const locals: ValueType[] = [];
  const toLocal = (index: number): Local => ({ get: getLocal(index), set: (value) => setLocal(index, value) });
  return {
    locals,
    parameters: parameters.map((_, index) => toLocal(index)),
    take: (type: ValueType): Local => toLocal(parameters.length + locals.push(type) - 1),
  };
}

/**
 * Opens a module. Its caller has the same functions in TypeScript.
 * @returns its exports; undefined on a host without vector instructions, and in a page whose policy forbids WebAssembly.
 */
export function openModule(functions: readonly WasmFunction[], pages: number): unknown {
  if (typeof WebAssembly === 'undefined') return undefined;
  const code = encodeModule(functions, pages);
  if (!WebAssembly.validate(code)) return undefined;
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(code)).exports;
  } catch {
    // The code is valid, so a policy of the page forbids it.
    return undefined;
  }
}
