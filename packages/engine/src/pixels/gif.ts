import { EngineError } from '../interface/engine-error.ts';
import type { RgbaPicture } from './codecs.ts';

/** The first frame of a GIF on its canvas. Source: GIF89a specification, sections 18 to 23. */
export interface GifFrame {
  readonly type: 'gif';
  /** The canvas, pixels. It grows to hold the first frame, as in Pillow. */
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
  readonly isInterlaced: boolean;
  /** Places of the colours in the file; undefined for shades of gray. */
  readonly palette: { readonly at: number; readonly bytes: number } | undefined;
  /** The transparent colour's index. */
  readonly transparent: number | undefined;
  /** The place of the first block of codes, and the size of a pixel in bits. */
  readonly codesAt: number;
  readonly bits: number;
}

const BLOCK = { extension: 0x21, frame: 0x2c, end: 0x3b, control: 0xf9 } as const;
const MOST_CODE_BITS = 12;
/** Passes of an interlaced frame: first row and distance. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

const refuse = (problem: string): never => {
  throw new EngineError('invalid-request', `the picture ${problem}`);
};

/** @throws EngineError `invalid-request` for a file that ends before the first frame does, or has none. */
export function readGifFrame(file: Buffer): GifFrame {
  if (file.length < 13) refuse('ends too early');
  const paletteAt = (flags: number, at: number) => ((flags & 0x80) === 0 ? undefined : { at, bytes: 6 << (flags & 7) });
  const canvas = { width: file.readUInt16LE(6), height: file.readUInt16LE(8) };
  const shared = paletteAt(file[10] as number, 13);
  let transparent: number | undefined;
  let at = 13 + (shared?.bytes ?? 0);
  while (file[at] !== BLOCK.frame) {
    const kind = file[at++];
    if (kind === undefined) return refuse('ends too early');
    if (kind === BLOCK.end) return refuse('is a GIF without a picture');
    // Other bytes between blocks are passed over, as in Pillow.
    if (kind !== BLOCK.extension) continue;
    const isControl = file[at++] === BLOCK.control && (file[at] as number) >= 4;
    if (isControl && ((file[at + 1] ?? 0) & 1) === 1) transparent = file[at + 4];
    at = passBlocks(file, at);
  }
  if (at + 11 > file.length) refuse('ends too early');
  const [left, top, columns, rows] = [1, 3, 5, 7].map((place) => file.readUInt16LE(at + place)) as [
    ...[number, number, number, number],
  ];
  const flags = file[at + 9] as number;
  const own = paletteAt(flags, at + 10);
  const bitsAt = at + 10 + (own?.bytes ?? 0);
  const bits = file[bitsAt] ?? 0;
  passBlocks(file, bitsAt + 1);
  if (columns < 1 || rows < 1 || bits < 1 || bits > 8) refuse('is a GIF whose first picture is empty');
  return {
    ...{ type: 'gif', left, top, columns, rows, transparent, bits, codesAt: bitsAt + 1 },
    ...{ width: Math.max(canvas.width, left + columns), height: Math.max(canvas.height, top + rows) },
    ...{ isInterlaced: (flags & 0x40) !== 0, palette: own ?? shared },
  };
}

/** Passes over blocks of up to 255 bytes, up to the empty one. @throws EngineError if the file ends before. */
function passBlocks(file: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = file[at];
    if (length === undefined || at + 1 + length > file.length) return refuse('ends too early');
    at += 1 + length;
    if (length === 0) return at;
  }
}

/**
 * Decodes the first frame. Pixels outside it have the transparent colour, or without one the first colour, as in Pillow. An index
 * without a colour is black, or a shade of gray if the colours are no other than that.
 * @throws RangeError for codes that are none, or too few.
 */
export function decodeGif(file: Uint8Array, frame: GifFrame): RgbaPicture {
  const { width, height, left, top, columns, rows, isInterlaced, transparent } = frame;
  const colours = readColours(file, frame);
  const data = new Uint8ClampedArray(4 * width * height);
  const pixels = new Uint32Array(data.buffer);
  pixels.fill(colours[transparent ?? 0] as number);
  const indices = unpack(joinBlocks(file, frame.codesAt), frame.bits, columns * rows);
  let from = 0;
  for (const row of isInterlaced ? listInterlaced(rows) : Array.from({ length: rows }, (_, y) => y)) {
    const at = (top + row) * width + left;
    for (let x = 0; x < columns; x++) pixels[at + x] = colours[indices[from++] as number] as number;
  }
  return { width, height, data };
}

const listInterlaced = (rows: number): number[] =>
  PASSES.flatMap(([first, step]) =>
    Array.from({ length: Math.max(0, Math.ceil((rows - first) / step)) }, (_, i) => first + i * step),
  );

/** Colours by index, as four bytes in the order of memory. */
function readColours(file: Uint8Array, { palette, transparent }: GifFrame): Uint32Array {
  const colours = palette && file.subarray(palette.at, palette.at + palette.bytes);
  const isGray = colours?.every((value, i) => value === Math.trunc(i / 3)) ?? true;
  const bytes = new Uint8Array(256 * 4);
  for (let i = 0; i < 256; i++) {
    const colour = isGray ? [i, i, i] : (colours ?? []).slice(3 * i, 3 * i + 3);
    bytes.set(colour, 4 * i);
    bytes[4 * i + 3] = i === transparent ? 0 : 255;
  }
  return new Uint32Array(bytes.buffer);
}

/** Joins the blocks byte by byte: a file may have millions of blocks, and an object for each would take a gigabyte. */
function joinBlocks(file: Uint8Array, start: number): Uint8Array {
  const joined = new Uint8Array(file.length - start);
  let size = 0;
  for (let at = start; ; ) {
    const length = file[at++] ?? 0;
    if (length === 0) return joined.subarray(0, size);
    for (const end = at + length; at < end; at++) joined[size++] = file[at] ?? 0;
  }
}

/** Unpacks LZW codes of growing length. Source: GIF89a specification, appendix F. */
function unpack(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const indices = new Uint8Array(count);
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  // A string of indices is its last one and the code of those before it.
  const [last, before, length] = [1, 2, 2].map((size) => new Uint16Array((1 << MOST_CODE_BITS) * size)) as [
    ...[Uint16Array, Uint16Array, Uint16Array],
  ];
  for (let code = 0; code < clear; code++) [last[code], length[code]] = [code, 1];
  let [size, next, held, heldBits, previous, first] = [bits + 1, clear + 2, 0, 0, -1, 0];
  let [at, to] = [0, 0];
  while (to < count) {
    while (heldBits < size) {
      if (at >= bytes.length) throw new RangeError('a GIF ends too early');
      held |= (bytes[at++] as number) << heldBits;
      heldBits += 8;
    }
    const code = held & ((1 << size) - 1);
    held >>>= size;
    heldBits -= size;
    if (code === end) throw new RangeError('a GIF has too few pixels');
    if (code === clear) {
      [size, next, previous] = [bits + 1, clear + 2, -1];
      continue;
    }
    const isNew = code === next && previous >= 0;
    if (!isNew && code >= (previous < 0 ? clear : next)) throw new RangeError('a code of a GIF is none');
    const known = isNew ? previous : code;
    const knownLength = length[known] as number;
    let place = to + knownLength - 1;
    for (let each = known, i = 0; i < knownLength; i++, place--) {
      if (place < count) indices[place] = last[each] as number;
      first = last[each] as number;
      each = before[each] as number;
    }
    to += knownLength;
    if (isNew && to < count) indices[to] = first;
    if (isNew) to++;
    if (previous >= 0 && next < 1 << MOST_CODE_BITS) {
      last[next] = first;
      before[next] = previous;
      length[next] = (length[previous] as number) + 1;
      if (next === (1 << size) - 1 && size < MOST_CODE_BITS) size++;
      next++;
    }
    previous = code;
  }
  return indices;
}
