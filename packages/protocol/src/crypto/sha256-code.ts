import {
  type Code,
  createLocals,
  i32,
  i32x4,
  type Local,
  repeatWhile,
  type ValueType,
  v128,
  type WasmFunction,
} from '../base/wasm-code.ts';

/**
 * SHA-256 (FIPS 180-4) as code of WebAssembly: of one message, and of four messages at once in the lanes of vectors.
 */

export const ROUNDS = 64;
export const STATE_WORDS = 8;
const BLOCK_WORDS = 16;
export const BLOCK_BYTES = 64;

/** Places in the memory, in bytes. The words of four messages lie interleaved. */
export const CONSTANTS_AT = 0;
export const STATE_AT = 256;
export const LANES_STATE_AT = 320;
/** Words of the expanded message; the first sixteen are the block. */
export const SCHEDULE_AT = 512;
export const LANES_SCHEDULE_AT = 1_024;
export const INPUT_AT = 2_048;

/** Operations on a word of one message, or on the same word of four. */
interface Words {
  readonly type: ValueType;
  readonly bytes: number;
  add(...values: readonly Code[]): Code;
  and(a: Code, b: Code): Code;
  xor(...values: readonly Code[]): Code;
  shiftRight(value: Code, bits: number): Code;
  rotateRight(value: Code, bits: number): Code;
  load(address: Code, offset: number): Code;
  /** Reads the constant of a round. @param at place in the schedule. */
  loadConstant(at: Code): Code;
  store(address: Code, value: Code, offset: number): Code;
}

const fold =
  (combine: (a: Code, b: Code) => Code) =>
  (...values: readonly Code[]): Code =>
    values.reduce((sum, value) => combine(sum, value));

const single: Words = {
  type: 'i32',
  bytes: 4,
  add: fold(i32.add),
  and: i32.and,
  xor: fold(i32.xor),
  shiftRight: (value, bits) => i32.shiftRight(value, i32.constant(bits)),
  rotateRight: (value, bits) => i32.rotateRight(value, i32.constant(bits)),
  load: i32.load,
  loadConstant: (at) => i32.load(at, CONSTANTS_AT),
  store: i32.store,
};

const fourfold: Words = {
  type: 'v128',
  bytes: 16,
  add: fold(i32x4.add),
  and: v128.and,
  xor: fold(v128.xor),
  shiftRight: i32x4.shiftRight,
  rotateRight: (value, bits) => v128.or(i32x4.shiftRight(value, bits), i32x4.shiftLeft(value, 32 - bits)),
  load: v128.load,
  loadConstant: (at) => v128.loadSplat(i32.shiftRight(at, i32.constant(2)), CONSTANTS_AT),
  store: v128.store,
};

/** Expands sixteen words of a block to one for each round. */
function expandSchedule(words: Words, scheduleAt: number, at: Local): Code {
  const { bytes, add, xor, shiftRight, rotateRight, load } = words;
  const word = (back: number): Code => load(at.get, scheduleAt + (BLOCK_WORDS - back) * bytes);
  const [s15, s2] = [word(15), word(2)];
  const sigma0 = xor(rotateRight(s15, 7), rotateRight(s15, 18), shiftRight(s15, 3));
  const sigma1 = xor(rotateRight(s2, 17), rotateRight(s2, 19), shiftRight(s2, 10));
  const next = add(word(16), sigma0, word(7), sigma1);
  return [
    ...at.set(i32.constant(0)),
    ...repeatWhile(i32.isBelow(at.get, i32.constant((ROUNDS - BLOCK_WORDS) * bytes)), [
      ...words.store(at.get, next, scheduleAt + BLOCK_WORDS * bytes),
      ...at.set(i32.add(at.get, i32.constant(bytes))),
    ]),
  ];
}

/** Mixes one word of the schedule into the state. A loop over rounds is short, so that it is written and compiled at once. */
function mixWord(words: Words, state: readonly Local[], schedule: Code, take: () => Local): Code {
  const [a, b, c, d, e, f, g, h] = state as readonly [Local, Local, Local, Local, Local, Local, Local, Local];
  const [first, second] = [take(), take()];
  const { add, and, xor, rotateRight } = words;
  const sum1 = xor(rotateRight(e.get, 6), rotateRight(e.get, 11), rotateRight(e.get, 25));
  const choice = xor(g.get, and(e.get, xor(f.get, g.get)));
  const sum0 = xor(rotateRight(a.get, 2), rotateRight(a.get, 13), rotateRight(a.get, 22));
  const majority = xor(and(a.get, xor(b.get, c.get)), and(b.get, c.get));
  return [
    ...first.set(add(h.get, schedule, choice, sum1)),
    ...second.set(add(majority, sum0)),
    ...[...h.set(g.get), ...g.set(f.get), ...f.set(e.get)],
    ...e.set(add(d.get, first.get)),
    ...[...d.set(c.get), ...c.set(b.get), ...b.set(a.get)],
    ...a.set(add(first.get, second.get)),
  ];
}

/** @param at a local for the place in the schedule. */
function compress(
  words: Words,
  { stateAt, scheduleAt }: { readonly stateAt: number; readonly scheduleAt: number },
  { at, take }: { readonly at: Local; readonly take: (type: ValueType) => Local },
): Code {
  const { type, bytes, add, load, store } = words;
  const zero = i32.constant(0);
  const state = Array.from({ length: STATE_WORDS }, (_, i) => ({ word: take(type), place: stateAt + i * bytes }));
  const schedule = add(load(at.get, scheduleAt), words.loadConstant(at.get));
  const mix = mixWord(
    words,
    state.map(({ word }) => word),
    schedule,
    () => take(type),
  );
  return [
    ...expandSchedule(words, scheduleAt, at),
    ...state.flatMap(({ word, place }) => word.set(load(zero, place))),
    ...at.set(zero),
    ...repeatWhile(i32.isBelow(at.get, i32.constant(ROUNDS * bytes)), [
      ...mix,
      ...at.set(i32.add(at.get, i32.constant(bytes))),
    ]),
    ...state.flatMap(({ word, place }) => store(zero, add(load(zero, place), word.get), place)),
  ];
}

/** Reverses the bytes of a word. */
const swapBytes = (value: Local): Code =>
  i32.or(
    i32.and(i32.rotateLeft(value.get, i32.constant(8)), i32.constant(0x00ff00ff)),
    i32.and(i32.rotateRight(value.get, i32.constant(8)), i32.constant(~0x00ff00ff)),
  );

/** Hashes whole blocks of one message, from `block` to `end`, at least one. */
export function writeHashBlocks(): WasmFunction {
  const parameters = ['i32', 'i32'] as const;
  const { locals, parameters: given, take } = createLocals(parameters);
  const [block, end] = given as [Local, Local];
  const [at, word] = [take('i32'), take('i32')];
  const body = repeatWhile(i32.isBelow(block.get, end.get), [
    ...at.set(i32.constant(0)),
    ...repeatWhile(i32.isBelow(at.get, i32.constant(BLOCK_BYTES)), [
      ...word.set(i32.load(i32.add(block.get, at.get))),
      ...i32.store(at.get, swapBytes(word), SCHEDULE_AT),
      ...at.set(i32.add(at.get, i32.constant(4))),
    ]),
    ...compress(single, { stateAt: STATE_AT, scheduleAt: SCHEDULE_AT }, { at, take }),
    ...block.set(i32.add(block.get, i32.constant(BLOCK_BYTES))),
  ]);
  return { name: 'hashBlocks', parameters, results: [], locals, body };
}

/** Hashes one block of four messages, whose words are in the schedule. */
export function writeHashLanes(): WasmFunction {
  const { locals, take } = createLocals([]);
  const places = { stateAt: LANES_STATE_AT, scheduleAt: LANES_SCHEDULE_AT };
  const body = compress(fourfold, places, { at: take('i32'), take });
  return { name: 'hashLanes', parameters: [], results: [], locals, body };
}
