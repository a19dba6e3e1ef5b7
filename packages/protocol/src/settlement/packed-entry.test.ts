import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, createWriter, fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computePartId, createPartTable, LEAST_PART, MOST_PART, packEntry, unpackEntry } from './packed-entry.ts';

const MOST = 1 << 20;
const TAG = encodeDomain('ogong-packed-entry-v1');
/** Creates bytes that begin unlike any others. */
const part = (name: number, length = 130): Uint8Array =>
  concatBytes(crypto.sha256(Uint8Array.of(name)), new Uint8Array(length - 32).fill(name));
const tableOf = (...parts: readonly Uint8Array[]) => {
  const table = createPartTable(crypto);
  table.put('owner', parts);
  return table;
};
/** Length of the tag, hash of the entry, its length and the number of parts. */
const HEAD_BYTES = TAG.length + 32 + 4 + 4;
/** Creates a packed entry that states a length, and repeats the same part. */
function repeat(bytes: Uint8Array, count: number, sizeBytes: number, before = new Uint8Array(0)): Uint8Array {
  const writer = createWriter().bytes(TAG).bytes(new Uint8Array(32)).u32(sizeBytes).u32(count);
  for (let i = 0; i < count; i++) writer.u8(before.length).bytes(before).bytes(computePartId(crypto, bytes));
  return writer.u8(0).finish();
}
const idOf = (bytes: Uint8Array): string => toHex(computePartId(crypto, bytes));

const [row, key, other] = [part(1), part(2, 1_344), part(3)];
const entry = concatBytes(Uint8Array.of(1, 2, 3), row, Uint8Array.of(9), key, key, new Uint8Array(400).fill(7));

describe('a packed entry', () => {
  const { packed, parts } = packEntry(crypto, entry, tableOf(row, key, other));

  it('is short if its parts are known, and unpacks to the same bytes', () => {
    expect([...parts.keys()].sort()).toEqual([idOf(row), idOf(key)].sort());
    expect(packed.length).toBeLessThan(entry.length - row.length - 2 * key.length + 100);
    expect(unpackEntry(crypto, packed, { find: tableOf(key, row).find, most: MOST })).toEqual({ entry });
  });

  it('names missing parts, each once', () => {
    expect(unpackEntry(crypto, packed, { find: tableOf(row).find, most: MOST })).toEqual({
      lacking: [idOf(key)],
      sizeBytes: entry.length,
    });
    expect(unpackEntry(crypto, packed, { find: () => undefined, most: MOST })).toEqual({
      lacking: [idOf(row), idOf(key)],
      sizeBytes: entry.length,
    });
  });

  it('is refused if the id of a part gives other bytes', () => {
    const wrong = (id: string) => (id === idOf(row) ? other : key);
    expect(unpackEntry(crypto, packed, { find: wrong, most: MOST })).toEqual({ isOther: true });
    const long = (id: string) => (id === idOf(row) ? part(4, 5_000) : key);
    expect(unpackEntry(crypto, packed, { find: long, most: MOST })).toEqual({ isOther: true });
    const short = (id: string) => (id === idOf(row) ? row.slice(1) : key);
    expect(unpackEntry(crypto, packed, { find: short, most: MOST })).toEqual({ isOther: true });
  });

  it('is refused if it stands for more bytes than allowed', () => {
    const read = () => unpackEntry(crypto, packed, { find: tableOf(row, key).find, most: entry.length - 1 });
    expect(read).toThrow(ProtocolError);
    // A thousand times the same part: nothing longer than the stated length is unpacked.
    let looks = 0;
    const find = () => {
      looks++;
      return key;
    };
    const many = repeat(key, 1_000, 64_000);
    expect(unpackEntry(crypto, many, { find, most: MOST })).toEqual({ isOther: true });
    expect(looks).toBe(Math.ceil((64_000 + 1) / key.length));
  });

  it.each<[string, count: number, sizeBytes: number, why: string]>([
    ['has more parts than its length allows', 1_000, 63_999, '1000 items, at most 999'],
    ['has too many parts', 4_097, MOST, '4097 items, at most 4096'],
    ['is longer than allowed', 1_000, MOST + 1, `at most ${MOST}`],
  ])('is refused before its parts are read if it %s', (_, count, sizeBytes, why) => {
    let looks = 0;
    const find = () => {
      looks++;
      return undefined;
    };
    const read = (packed: Uint8Array) => unpackEntry(crypto, packed, { find, most: MOST });
    // Nothing follows the number of parts, so reading a part would fail with another error.
    expect(() => read(repeat(key, count, sizeBytes).subarray(0, HEAD_BYTES))).toThrow(why);
    expect(() => read(repeat(key, count, sizeBytes))).toThrow(why);
    expect(looks).toBe(0);
  });

  it('accepts no more parts for the same length if parts are missing', () => {
    // Each counts as the shortest part. Together with the bytes between them they are too long.
    const packed = repeat(key, 1_000, 64_000, Uint8Array.of(1));
    expect(unpackEntry(crypto, packed, { find: () => undefined, most: MOST })).toEqual({ isOther: true });
    const fits = repeat(key, 1_000, 65_000, Uint8Array.of(1));
    expect(unpackEntry(crypto, fits, { find: () => undefined, most: MOST })).toEqual({
      lacking: [idOf(key)],
      sizeBytes: 65_000,
    });
  });

  it('has the largest number of parts, and the rest as plain bytes', () => {
    const rows = Array.from({ length: 4_100 }, () => part(8, LEAST_PART));
    const table = tableOf(part(8, LEAST_PART));
    const long = packEntry(crypto, concatBytes(...rows), table);
    expect(unpackEntry(crypto, long.packed, { find: table.find, most: MOST })).toEqual({ entry: concatBytes(...rows) });
    expect(long.packed.length).toBeGreaterThan(4 * LEAST_PART + 9 * 4_096);
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['is cut', (bytes) => bytes.slice(0, -1)],
    ['goes on', (bytes) => concatBytes(bytes, Uint8Array.of(0))],
    ['has another tag', (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))],
  ])('is refused if it %s', (_, bend) => {
    expect(() => unpackEntry(crypto, bend(packed), { find: tableOf(row, key).find, most: MOST })).toThrow(
      ProtocolError,
    );
  });

  it('is refused if a short length takes five bytes', () => {
    const head = createWriter()
      .bytes(TAG)
      .bytes(crypto.sha256(Uint8Array.of(5)))
      .u32(1)
      .u32(0);
    const read = (rest: Uint8Array) =>
      unpackEntry(crypto, concatBytes(head.finish(), rest), { find: () => key, most: 9 });
    expect(read(Uint8Array.of(1, 5))).toEqual({ entry: Uint8Array.of(5) });
    expect(() => read(Uint8Array.of(255, 0, 0, 0, 1, 5))).toThrow('a length of 1 in five bytes');
  });

  it('unpacks to the same bytes, for any bytes around its parts and any known parts', () => {
    const known = Array.from({ length: 6 }, (_, i) => part(i + 10, LEAST_PART + 40 * i));
    const piece = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...known));
    const some = fc.subarray(known);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), some, some, (pieces, ours, theirs) => {
        const whole = concatBytes(...pieces);
        const one = packEntry(crypto, whole, tableOf(...ours));
        const table = tableOf(...theirs);
        const first = unpackEntry(crypto, one.packed, { find: table.find, most: MOST });
        const sent = 'lacking' in first ? new Map(first.lacking.map((id) => [id, one.parts.get(id)])) : new Map();
        const find = (id: string) => sent.get(id) ?? table.find(id);
        expect(unpackEntry(crypto, one.packed, { find, most: MOST })).toEqual({ entry: whole });
      }),
    );
  });
});

describe('a table of parts', () => {
  it('takes the longest part at an offset', () => {
    const signed = concatBytes(key, new Uint8Array(100).fill(5));
    const { parts } = packEntry(crypto, concatBytes(signed, key), tableOf(key, signed));
    expect([...parts.values()]).toEqual([signed, key]);
  });

  it('forgets parts that no owner has any more, and keeps shared ones', () => {
    const table = tableOf(row, key);
    table.put('second', [key, other]);
    table.put('owner', [row]);
    expect([row, key, other].map((one) => table.find(idOf(one)) !== undefined)).toEqual([true, true, true]);
    table.drop('second');
    expect([row, key, other].map((one) => table.find(idOf(one)) !== undefined)).toEqual([true, false, false]);
    expect(packEntry(crypto, entry, table).parts.size).toBe(1);
    table.drop('owner');
    expect(packEntry(crypto, entry, table).parts.size).toBe(0);
  });

  it('refuses parts that are too short or too long', () => {
    const table = tableOf(part(5, LEAST_PART - 1), part(6, MOST_PART + 1), part(7, LEAST_PART));
    expect(
      [5, 6, 7].map(
        (i) =>
          table.find(idOf([part(5, LEAST_PART - 1), part(6, MOST_PART + 1), part(7, LEAST_PART)][i - 5]!)) !==
          undefined,
      ),
    ).toEqual([false, false, true]);
  });
});

describe('the vectors', () => {
  const text = readFileSync(new URL('../../vectors/packed-entry.json', import.meta.url), 'utf8');
  const { parts, entries } = JSON.parse(text) as {
    readonly parts: readonly { readonly bytes: string; readonly id: string }[];
    readonly entries: readonly { readonly entry: string; readonly packed: string }[];
  };

  it('are packed like this', () => {
    const table = tableOf(...parts.map(({ bytes }) => fromHex(bytes)));
    expect(entries.length).toBeGreaterThan(2);
    for (const { id, bytes } of parts) expect(idOf(fromHex(bytes))).toBe(id);
    for (const { entry: whole, packed } of entries) {
      expect(toHex(packEntry(crypto, fromHex(whole), table).packed)).toBe(packed);
      expect(unpackEntry(crypto, fromHex(packed), { find: table.find, most: MOST })).toEqual({ entry: fromHex(whole) });
    }
  });
});
