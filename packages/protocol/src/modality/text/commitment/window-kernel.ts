import { openModule } from '../../../base/wasm-code.ts';
import { MAX_LISTED, TAIL_RANK } from '../sampling/sampler.ts';
import type { DrawRow } from './window.ts';
import {
  COSTS_AT,
  IDS_AT,
  INPUT_AT,
  MEMORY_BYTES,
  MOST_INPUT,
  ROW_WORDS,
  ROWS_AT,
  writeDecode,
} from './window-code.ts';
import { TAIL_CODE, WINDOW_TOKENS } from './window-limits.ts';

export interface WindowLayout {
  /** The first byte of the positions. */
  readonly start: number;
  /** Positions, 1..WINDOW_TOKENS. */
  readonly count: number;
  /** Bits of a token id, 1..24. */
  readonly width: number;
  /** Rice parameter, 0..24. */
  readonly parameter: number;
  readonly vocabularySize: number;
}

/** @returns the positions; undefined for bytes that encodeDraws would not have written, and perhaps for others. */
export type DecodeRows = (bytes: Uint8Array, layout: WindowLayout) => DrawRow[] | undefined;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  decode(bit: number, limit: number, width: number, parameter: number, count: number, vocabularySize: number): number;
}

const PAGE_BYTES = 2 ** 16;

/** Opens the decoder in WebAssembly. @returns undefined on a host that cannot or may not run it. */
export function openRowDecoder(): DecodeRows | undefined {
  const exports = openModule([writeDecode()], Math.ceil(MEMORY_BYTES / PAGE_BYTES)) as Exports | undefined;
  if (exports === undefined) return undefined;
  const { memory, decode } = exports;
  const { buffer } = memory;
  const input = new Uint8Array(buffer, INPUT_AT, MOST_INPUT);
  const allIds = new Uint32Array(buffer, IDS_AT, MAX_LISTED * WINDOW_TOKENS);
  const allCosts = new Uint32Array(buffer, COSTS_AT, MAX_LISTED * WINDOW_TOKENS);
  const fields = new Uint32Array(buffer, ROWS_AT, ROW_WORDS * WINDOW_TOKENS);
  return (bytes, { start, count, width, parameter, vocabularySize }) => {
    if (bytes.length > MOST_INPUT) return undefined;
    input.set(bytes);
    if (decode(8 * start, 8 * bytes.length, width, parameter, count, vocabularySize) === 0) return undefined;
    let total = 0;
    for (let row = 0; row < count; row++) total += fields[row * ROW_WORDS] as number;
    const [listedIds, listedCosts] = [allIds.slice(0, total), allCosts.slice(0, total)];
    const rows: DrawRow[] = [];
    let from = 0;
    for (let at = 0; at < count * ROW_WORDS; at += ROW_WORDS) {
      const to = from + (fields[at] as number);
      const ids = listedIds.subarray(from, to);
      const q = listedCosts.subarray(from, to);
      const [rank, tail] = [fields[at + 1] as number, fields[at + 2] as number];
      if (rank !== TAIL_CODE) rows.push({ ids, q, tail, rank });
      else {
        const [tailId, tailQ] = [fields[at + 3] as number, fields[at + 4] as number];
        rows.push({ ids, q, tail, rank: TAIL_RANK, tailId, tailQ });
      }
      from = to;
    }
    return rows;
  };
}
