import {
  type Code,
  createLocals,
  i32,
  i64,
  type Local,
  openModule,
  repeatWhile,
  type WasmFunction,
} from '../base/wasm-code.ts';

/**
 * Keccak-256 as Ethereum has it: Keccak-f[1600] with 512 bits of capacity, and 0x01 as the first byte of the padding. Source: FIPS 202,
 * section 3, without the two bits that SHA3-256 adds to a message.
 */
const SIDE = 5;
const LANES = SIDE * SIDE;
const LANE_BYTES = 8;
const ROUNDS = 24;
/** Bytes of a message that one permutation takes. */
const RATE_BYTES = 136;
const DIGEST_BYTES = 32;

const STATE_AT = 0;
const CONSTANTS_AT = STATE_AT + LANES * LANE_BYTES;
const INPUT_AT = CONSTANTS_AT + ROUNDS * LANE_BYTES;
const PAGE_BYTES = 2 ** 16;
/** Bytes of a message that are hashed at once, in whole blocks. The padding may need one block more. */
const INPUT_BYTES = Math.floor((PAGE_BYTES - INPUT_AT) / RATE_BYTES - 1) * RATE_BYTES;

type Keccak256 = (message: Uint8Array) => Uint8Array;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  absorb(at: number, end: number): void;
}

/** Index of the lane at (x, y). */
const laneAt = (x: number, y: number): number => (x % SIDE) + SIDE * (y % SIDE);

/** Lists the rotation of each lane (section 3.2.2). */
function listRotations(): number[] {
  const rotations = new Array<number>(LANES).fill(0);
  for (let [step, x, y] = [0, 1, 0]; step < ROUNDS; step++) {
    rotations[laneAt(x, y)] = (((step + 1) * (step + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % SIDE];
  }
  return rotations;
}

/** Lists the constants of the rounds, bits of a shift register with feedback (section 3.2.5). */
function listConstants(): bigint[] {
  let register = 1;
  return Array.from({ length: ROUNDS }, () => {
    let constant = 0n;
    for (let power = 0; power <= 6; power++) {
      if ((register & 1) !== 0) constant |= 1n << BigInt(2 ** power - 1);
      register = (register << 1) ^ ((register & 0x80) === 0 ? 0 : 0x171);
    }
    return constant;
  });
}

/** Writes the permutation of the lanes, as its rounds. @param scratch as many lanes, and five more. */
function writeRounds(lanes: readonly Local[], scratch: readonly Local[], at: Local): Code {
  const lane = (x: number, y: number): Local => lanes[laneAt(x, y)] as Local;
  const moved = (x: number, y: number): Local => scratch[laneAt(x, y)] as Local;
  const column = (x: number): Local => scratch[LANES + (x % SIDE)] as Local;
  const places = Array.from({ length: LANES }, (_, i) => ({ x: i % SIDE, y: Math.floor(i / SIDE) }));
  const sides = Array.from({ length: SIDE }, (_, x) => x);
  const rotations = listRotations();
  const minusOne = i64.constant(-1);
  const sums = sides.map((x) =>
    column(x).set(sides.slice(1).reduce<Code>((sum, y) => i64.xor(sum, lane(x, y).get), lane(x, 0).get)),
  );
  const mixed = (x: number): Code =>
    i64.xor(column(x + SIDE - 1).get, i64.rotateLeft(column(x + 1).get, i64.constant(1)));
  const rotated = places.map(({ x, y }) =>
    moved(y, 2 * x + 3 * y).set(
      i64.rotateLeft(i64.xor(lane(x, y).get, mixed(x)), i64.constant(rotations[laneAt(x, y)] as number)),
    ),
  );
  const chosen = places.map(({ x, y }) =>
    lane(x, y).set(i64.xor(moved(x, y).get, i64.and(i64.xor(moved(x + 1, y).get, minusOne), moved(x + 2, y).get))),
  );
  const first = lane(0, 0);
  return [
    ...at.set(i32.constant(CONSTANTS_AT)),
    ...repeatWhile(i32.isBelow(at.get, i32.constant(CONSTANTS_AT + ROUNDS * LANE_BYTES)), [
      ...[...sums, ...rotated, ...chosen].flat(),
      ...first.set(i64.xor(first.get, i64.load(at.get))),
      ...at.set(i32.add(at.get, i32.constant(LANE_BYTES))),
    ]),
  ];
}

/** Writes a function that takes whole blocks of input, from an address to another, into the state. */
function writeAbsorb(): WasmFunction {
  const parameters = ['i32', 'i32'] as const;
  const { locals, take, parameters: given } = createLocals(parameters);
  const [block, end] = given as [Local, Local];
  const lanes = Array.from({ length: LANES }, () => take('i64'));
  const scratch = Array.from({ length: LANES + SIDE }, () => take('i64'));
  const at = take('i32');
  const state = i32.constant(STATE_AT);
  const input = lanes.slice(0, RATE_BYTES / LANE_BYTES);
  return {
    ...{ name: 'absorb', parameters, results: [], locals },
    body: [
      ...lanes.flatMap((lane, i) => lane.set(i64.load(state, i * LANE_BYTES))),
      ...repeatWhile(i32.isBelow(block.get, end.get), [
        ...input.flatMap((lane, i) => lane.set(i64.xor(lane.get, i64.load(block.get, i * LANE_BYTES)))),
        ...writeRounds(lanes, scratch, at),
        ...block.set(i32.add(block.get, i32.constant(RATE_BYTES))),
      ]),
      ...lanes.flatMap((lane, i) => i64.store(state, lane.get, i * LANE_BYTES)),
    ],
  };
}

let found: { readonly kernel: Keccak256 | undefined } | undefined;

/** Finds Keccak-256 in WebAssembly, opened at the first call. @returns undefined on a host that cannot or may not run it. */
export function findKeccakKernel(): Keccak256 | undefined {
  found ??= { kernel: openKeccakKernel() };
  return found.kernel;
}

function openKeccakKernel(): Keccak256 | undefined {
  const exports = openModule([writeAbsorb()], 1) as Exports | undefined;
  if (exports === undefined) return undefined;
  const { memory, absorb } = exports;
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  for (const [i, constant] of listConstants().entries())
    view.setBigUint64(CONSTANTS_AT + i * LANE_BYTES, constant, true);
  const input = bytes.subarray(INPUT_AT);
  return (message) => {
    bytes.fill(0, STATE_AT, CONSTANTS_AT);
    let from = 0;
    for (; message.length - from >= INPUT_BYTES; from += INPUT_BYTES) {
      input.set(message.subarray(from, from + INPUT_BYTES));
      absorb(INPUT_AT, INPUT_AT + INPUT_BYTES);
    }
    const left = message.length - from;
    const padded = (Math.floor(left / RATE_BYTES) + 1) * RATE_BYTES;
    input.set(from === 0 ? message : message.subarray(from));
    input.fill(0, left, padded);
    input[left] = 0x01;
    input[padded - 1] = (input[padded - 1] as number) | 0x80;
    absorb(INPUT_AT, INPUT_AT + padded);
    return bytes.slice(STATE_AT, STATE_AT + DIGEST_BYTES);
  };
}
