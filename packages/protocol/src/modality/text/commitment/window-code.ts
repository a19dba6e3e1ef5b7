import { RICE_ESCAPE, RICE_ESCAPE_BITS } from '../../../base/bits.ts';
import {
  type Code,
  createLocals,
  i32,
  i64,
  type Local,
  repeatWhile,
  returnIf,
  runIf,
  type WasmFunction,
} from '../../../base/wasm-code.ts';
import { MAX_COST, MAX_LISTED } from '../sampling/sampler.ts';
import { MAX_PARAMETER, MAX_VOCABULARY, TAIL_CODE, WINDOW_TOKENS } from './window-limits.ts';

/**
 * The decoder of a window's positions as code of WebAssembly. It refuses some windows that are well formed and every other one;
 * window.ts decodes those again and names the error.
 */

/** Places in the memory, in bytes. A bit for each token of the vocabulary comes first: set while a list has the token. */
const LISTED_AT = 0;
export const IDS_AT = LISTED_AT + MAX_VOCABULARY / 8;
export const COSTS_AT = IDS_AT + 4 * MAX_LISTED * WINDOW_TOKENS;
/** Of each position: candidates, written rank, tail, tail token and its cost. */
export const ROWS_AT = COSTS_AT + 4 * MAX_LISTED * WINDOW_TOKENS;
export const ROW_WORDS = 5;
export const INPUT_AT = ROWS_AT + 4 * ROW_WORDS * WINDOW_TOKENS;
/** Windows have u16 lengths. A position that begins within them may end so many bytes behind. */
export const MOST_INPUT = 2 ** 16;
const OVERRUN = 2 ** 10;
export const MEMORY_BYTES = INPUT_AT + MOST_INPUT + OVERRUN;

const NUMBER_BITS = 24;

const c = i32.constant;
const increase = (local: Local, by: Code): Code => local.set(i32.add(local.get, by));

/**
 * Decodes positions into the memory.
 * Parameters: first bit, bits of the input, bits of an id, Rice parameter, positions, vocabulary size.
 * Result: 1, or 0 if it refuses the window.
 */
export function writeDecode(): WasmFunction {
  const parameters = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const;
  const { locals, parameters: given, take } = createLocals(parameters);
  const [bit, limit, width, parameter, left, vocabulary] = given as [Local, Local, Local, Local, Local, Local];
  const [isBad, row, value] = [take('i32'), take('i32'), take('i32')];
  const [start, at, end] = [take('i32'), take('i32'), take('i32')];
  const [ones, delta, codes] = [take('i32'), take('i32'), take('i32')];
  const [word, sum] = [take('i64'), take('i64')];

  const long = i64.fromInteger;
  const refuseIf = (condition: Code): Code => isBad.set(i32.or(isBad.get, condition));
  /** The next 57 bits or more, left-aligned. */
  const peek = i64.shiftLeft(i64.loadBigEndian(i32.shiftRight(bit.get, c(3)), INPUT_AT), long(i32.and(bit.get, c(7))));
  const read = (bits: Code): Code => [
    ...value.set(i32.fromLong(i64.shiftRight(peek, long(i32.subtract(c(64), bits))))),
    ...increase(bit, bits),
  ];
  const readTo = (offset: number, bits: Code): Code => [...read(bits), ...i32.store(row.get, value.get, offset)];
  const listedByte = i32.shiftRight(value.get, c(3));
  const listedBit = i32.shiftLeft(c(1), i32.and(value.get, c(7)));
  const isListed = i32.isDifferent(i32.and(i32.loadByte(listedByte, LISTED_AT), listedBit), c(0));
  const refuseToken = [...refuseIf(i32.isAtLeast(value.get, vocabulary.get)), ...refuseIf(isListed)];
  const forEach = (body: Code): Code => [
    ...at.set(start.get),
    ...repeatWhile(i32.isBelow(at.get, end.get), [...body, ...increase(at, c(4))]),
  ];

  const readIds = forEach([
    ...read(width.get),
    ...i32.store(at.get, value.get, IDS_AT),
    ...refuseToken,
    ...i32.storeByte(listedByte, i32.or(i32.loadByte(listedByte, LISTED_AT), listedBit), LISTED_AT),
  ]);
  const forgetIds = forEach(i32.storeByte(i32.shiftRight(i32.load(at.get, IDS_AT), c(3)), c(0), LISTED_AT));

  const readPlain = [
    // Two shifts, since a shift by 64 bits is one by 0.
    ...delta.set(
      i32.fromLong(
        i64.shiftRight(
          i64.shiftRight(i64.shiftLeft(word.get, long(i32.add(ones.get, c(1)))), i64.constant(1)),
          long(i32.subtract(c(63), parameter.get)),
        ),
      ),
    ),
    ...increase(delta, i32.shiftLeft(ones.get, parameter.get)),
    ...increase(bit, i32.add(i32.add(ones.get, c(1)), parameter.get)),
  ];
  const readEscaped = [
    ...delta.set(
      i32.fromLong(
        i64.shiftRight(i64.shiftLeft(word.get, i64.constant(RICE_ESCAPE)), i64.constant(64 - RICE_ESCAPE_BITS)),
      ),
    ),
    ...refuseIf(i32.isBelow(i32.shiftRight(delta.get, parameter.get), c(RICE_ESCAPE))),
    ...increase(bit, c(RICE_ESCAPE + RICE_ESCAPE_BITS)),
  ];
  const unzigzag = i32.xor(i32.shiftRight(delta.get, c(1)), i32.subtract(c(0), i32.and(delta.get, c(1))));
  const readCosts = [
    ...read(c(NUMBER_BITS)),
    ...i32.store(start.get, value.get, COSTS_AT),
    ...at.set(i32.add(start.get, c(4))),
    ...runIf(
      i32.isBelow(at.get, end.get),
      repeatWhile(i32.isBelow(at.get, end.get), [
        ...word.set(peek),
        ...ones.set(i32.fromLong(i64.countZeros(i64.xor(word.get, i64.constant(-1))))),
        ...runIf(i32.isBelow(ones.get, c(RICE_ESCAPE)), readPlain, readEscaped),
        ...increase(value, unzigzag),
        ...refuseIf(i32.isAbove(value.get, c(MAX_COST))),
        ...i32.store(at.get, value.get, COSTS_AT),
        ...sum.set(i64.add(sum.get, long(delta.get))),
        ...increase(codes, c(1)),
        ...increase(at, c(4)),
      ]),
    ),
  ];

  const isTail = i32.isEqual(i32.load(row.get, ROWS_AT + 4), c(TAIL_CODE));
  const readTailToken = [...readTo(ROWS_AT + 12, width.get), ...refuseToken, ...readTo(ROWS_AT + 16, c(NUMBER_BITS))];
  const readRow = [
    ...readTo(ROWS_AT, c(6)),
    ...increase(value, c(1)),
    ...i32.store(row.get, value.get, ROWS_AT),
    ...end.set(i32.add(start.get, i32.shiftLeft(value.get, c(2)))),
    ...readTo(ROWS_AT + 4, c(7)),
    ...refuseIf(
      i32.and(i32.isDifferent(value.get, c(TAIL_CODE)), i32.isAtLeast(value.get, i32.load(row.get, ROWS_AT))),
    ),
    ...readTo(ROWS_AT + 8, c(NUMBER_BITS)),
    ...readIds,
    ...readCosts,
    ...runIf(isTail, readTailToken),
    ...forgetIds,
    ...refuseIf(i32.isAbove(bit.get, limit.get)),
    ...returnIf(isBad.get, c(0)),
    ...start.set(end.get),
    ...increase(row, c(4 * ROW_WORDS)),
    ...left.set(i32.subtract(left.get, c(1))),
  ];

  const padding = i32.subtract(limit.get, bit.get);
  // At most seven zero bits are left: shifted to the top, nothing stands above them.
  const isPadded = i32.and(
    i32.isBelow(padding, c(8)),
    i32.isZero(i32.fromLong(i64.shiftRight(i64.shiftRight(peek, i64.constant(1)), long(i32.subtract(c(63), padding))))),
  );
  const mean = i64.divide(sum.get, i64.or(long(codes.get), long(i32.isZero(codes.get))));
  const exponent = i32.subtract(c(63), i32.fromLong(i64.countZeros(i64.or(mean, i64.constant(1)))));
  const isCanonical = i32.or(
    i32.isEqual(exponent, parameter.get),
    i32.and(i32.isAbove(exponent, c(MAX_PARAMETER)), i32.isEqual(parameter.get, c(MAX_PARAMETER))),
  );
  const body = [...repeatWhile(i32.isDifferent(left.get, c(0)), readRow), ...i32.and(isPadded, isCanonical)];
  return { name: 'decode', parameters, results: ['i32'], locals, body };
}
