/** Bits of a code at most (ITU-T T.81, annex C). */
const CODE_BITS = 16;

/** Symbol and length of the code that 16 bits begin with: `length << 8 | symbol`; 0 if they begin with none. */
export type CodeTable = Uint16Array;

/** @param content counts of the codes of 1 to 16 bits, and the symbols. @throws RangeError if these are no codes. */
export function buildCodeTable(content: Uint8Array): CodeTable {
  const table = new Uint16Array(1 << CODE_BITS);
  let code = 0;
  let at = CODE_BITS;
  for (let length = 1; length <= CODE_BITS; length++) {
    for (let i = 0; i < (content[length - 1] as number); i++) {
      const width = 1 << (CODE_BITS - length);
      if (code + width > table.length || at >= content.length) throw new RangeError('codes of a JPEG are too many');
      table.fill((length << 8) | (content[at++] as number), code, code + width);
      code += width;
    }
  }
  return table;
}

/** Bits of a scan. A zero byte behind each byte 255 is left out, and the bits end at a marker. */
export class ScanReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #held = 0;
  #count = 0;
  /** Bits behind the end that were made up. */
  #missing = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The next 16 bits; zeros stand behind the end. */
  peek(): number {
    while (this.#count < CODE_BITS) {
      const byte = this.#bytes[this.#at];
      const isEnd = byte === undefined || (byte === 0xff && this.#bytes[this.#at + 1] !== 0);
      if (isEnd) this.#missing += 8;
      else this.#at += byte === 0xff ? 2 : 1;
      this.#held = ((this.#held << 8) | (isEnd ? 0 : byte)) & 0xff_ffff;
      this.#count += 8;
    }
    return (this.#held >>> (this.#count - CODE_BITS)) & 0xffff;
  }

  /** @param count of bits, 0 to 16. @throws RangeError behind the end. */
  take(count: number): number {
    const bits = this.peek() >>> (CODE_BITS - count);
    this.#count -= count;
    if (this.#missing > this.#count) throw new RangeError('a scan ends too early');
    return bits;
  }

  /** Passes over a restart marker. @throws RangeError if none is there. */
  passRestart(): void {
    const marker = this.#bytes[this.#at + 1] as number;
    if (this.#bytes[this.#at] !== 0xff || marker < 0xd0 || marker > 0xd7) throw new RangeError('a restart is missing');
    this.#at += 2;
    this.#held = 0;
    this.#count = 0;
    this.#missing = 0;
  }
}

/** Bits of a scan, with a zero byte behind each byte 255. */
export class ScanWriter {
  #bytes: Uint8Array = new Uint8Array(1 << 16);
  #length = 0;
  #held = 0;
  #count = 0;

  /** @param bits as a number of `count` bits, 0 to 16. */
  put(bits: number, count: number): void {
    this.#held = (this.#held << count) | bits;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      const byte = (this.#held >>> this.#count) & 0xff;
      this.#push(byte);
      if (byte === 0xff) this.#push(0);
    }
    this.#held &= 0xff;
  }

  /** Fills the last byte with ones. */
  fill(): void {
    if (this.#count > 0) this.put(0xff >> this.#count, 8 - this.#count);
  }

  putRestart(number: number): void {
    this.fill();
    this.#push(0xff);
    this.#push(0xd0 | (number & 7));
  }

  finish(): Uint8Array {
    this.fill();
    return this.#bytes.subarray(0, this.#length);
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = byte;
  }
}

/** A component of a scan of several. */
export interface ScanPart {
  /** Blocks in each unit. */
  readonly blocks: number;
  /** How often its blocks are written; 0 to leave them out. */
  readonly copies: number;
  readonly dc: CodeTable;
  readonly ac: CodeTable;
}

export interface Interleaved {
  /** The place of the first bit. */
  readonly at: number;
  readonly units: number;
  /** Units between two restarts; 0 without. */
  readonly interval: number;
  /** A whole block, the first bits of its first value, or one more bit of that value. */
  readonly kind: 'block' | 'first' | 'bit';
  readonly parts: readonly ScanPart[];
}

/**
 * Copies the blocks of some components of a scan, bit for bit. Each value is coded against the last one of its own component, so a
 * component that is left out or repeated changes no other.
 * @throws RangeError for codes that are none, or a scan that ends too early.
 */
export function copyParts(bytes: Uint8Array, { at, units, interval, kind, parts }: Interleaved): Uint8Array {
  const reader = new ScanReader(bytes, at);
  const writer = new ScanWriter();
  /** Bits of one component in one unit, and their numbers. */
  let moved: number[] = [];
  const move = (count: number): void => {
    moved.push(reader.take(count), count);
  };
  const moveSymbol = (table: CodeTable): number => {
    const found = table[reader.peek()] as number;
    if (found === 0) throw new RangeError('a code of a JPEG is none');
    move(found >> 8);
    return found & 0xff;
  };
  const moveBlock = ({ dc, ac }: ScanPart): void => {
    const size = kind === 'bit' ? 1 : moveSymbol(dc);
    if (size > 16) throw new RangeError('a value of a JPEG is too large');
    move(size);
    for (let i = 1; kind === 'block' && i < 64; i++) {
      const symbol = moveSymbol(ac);
      // Only a run of 16 zeros goes on without a value.
      if ((symbol & 15) === 0 && symbol !== 0xf0) return;
      i += symbol >> 4;
      move(symbol & 15);
    }
  };
  for (let unit = 0, restarts = 0; unit < units; unit++) {
    if (interval > 0 && unit > 0 && unit % interval === 0) {
      reader.passRestart();
      writer.putRestart(restarts++);
    }
    for (const part of parts) {
      moved = [];
      for (let i = 0; i < part.blocks; i++) moveBlock(part);
      for (let copy = 0; copy < part.copies; copy++) {
        for (let i = 0; i < moved.length; i += 2) writer.put(moved[i] as number, moved[i + 1] as number);
      }
    }
  }
  return writer.finish();
}
