import { describe, expect, it } from 'vitest';
import { concatBytes, createWriter, ProtocolError, type ProtocolErrorCode, toHex } from './bytes.ts';
import {
  address,
  bytes,
  bytes16,
  bytes32,
  type Codec,
  type CodecType,
  constant,
  createFormat,
  embedded,
  f64,
  flag,
  hash,
  i32,
  i64,
  list,
  oneOf,
  optional,
  plainText,
  refine,
  safeInteger,
  struct,
  text,
  tuple,
  u8,
  u16,
  u32,
  u64,
  u128,
  union,
  within,
} from './codec.ts';

const encode = <T>(codec: Codec<T>, value: T): Uint8Array => createFormat(codec, {}).encode(value);
const decode = <T>(codec: Codec<T>, ...input: number[]): T => createFormat(codec, {}).decode(Uint8Array.from(input));

function expectError(run: () => unknown, code: ProtocolErrorCode, message?: RegExp): void {
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(ProtocolError);
  expect((caught as ProtocolError).code).toBe(code);
  if (message) expect((caught as ProtocolError).message).toMatch(message);
}

describe('numbers are big-endian and bounded', () => {
  const spellings: [string, Codec<number | bigint>, number | bigint, string][] = [
    ['u8', u8, 0xab, 'ab'],
    ['u16', u16, 0xabcd, 'abcd'],
    ['u32', u32, 0xabcdef01, 'abcdef01'],
    ['i32', i32, -2, 'fffffffe'],
    ['u64', u64, 258n, '0000000000000102'],
    ['i64', i64, -1n << 63n, '8000000000000000'],
    ['u128', u128, 1n << 64n, '00000000000000010000000000000000'],
    ['count', safeInteger, 2 ** 53 - 1, '001fffffffffffff'],
    ['f64', f64, -1.5, 'bff8000000000000'],
  ];
  it.each(spellings)('%s', (_name, codec, value, hex) => {
    expect(toHex(encode(codec, value))).toBe(hex);
    expect(decode(codec, ...encode(codec, value))).toBe(value);
  });

  const refused: [string, Codec<number | bigint>, number | bigint][] = [
    ['u8', u8, 256],
    ['u16', u16, -1],
    ['u32', u32, 0.5],
    ['u32', u32, Number.NaN],
    ['i32', i32, 2 ** 31],
    ['u64', u64, -1n],
    ['u64', u64, 1n << 64n],
    ['i64', i64, 1n << 63n],
    ['u128', u128, 1n << 128n],
    ['count', safeInteger, 2 ** 53],
    ['count', safeInteger, -1],
    ['f64', f64, -0],
    ['f64', f64, Number.POSITIVE_INFINITY],
    ['within', within(u8, 1, 3), 4],
    ['within', within(u64, 1n, 3n), 0n],
  ];
  it.each(refused)('%s is not written from outside its range', (_name, codec, value) => {
    expectError(() => encode(codec, value), 'out-of-range');
  });

  it('does not read what it would not write', () => {
    expectError(() => decode(safeInteger, 0, 0x20, 0, 0, 0, 0, 0, 0), 'out-of-range');
    expectError(() => decode(f64, 0x80, 0, 0, 0, 0, 0, 0, 0), 'out-of-range');
    expectError(() => decode(f64, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), 'out-of-range');
    expectError(() => decode(within(u8, 1, 3), 4), 'out-of-range', /1\.\.3, got 4/);
    expectError(() => decode(flag, 2), 'malformed');
    expectError(() => decode(u16, 1), 'malformed');
    expectError(() => decode(u8, 1, 2), 'malformed', /left over/);
  });
});

describe('bytes and texts', () => {
  it('enforce their width and their bound in both directions', () => {
    expect(toHex(encode(bytes16(3), Uint8Array.of(1, 2)))).toBe('00020102');
    expect(toHex(encode(bytes32(3), Uint8Array.of(1)))).toBe('0000000101');
    expect(toHex(encode(text(4), 'é'))).toBe('0002c3a9');
    expectError(() => encode(bytes(2), Uint8Array.of(1)), 'out-of-range');
    expectError(() => encode(hash, new Uint8Array(31)), 'out-of-range');
    expectError(() => encode(address, new Uint8Array(21)), 'out-of-range');
    for (const codec of [bytes16(1), bytes32(1)]) {
      expectError(() => encode(codec, Uint8Array.of(1, 2)), 'too-large');
    }
    expectError(() => decode(bytes16(1), 0, 2, 1, 2), 'too-large');
    expectError(() => decode(bytes32(1), 0xff, 0xff, 0xff, 0xff), 'too-large');
    expectError(() => encode(text(1), 'é'), 'too-large');
    expectError(() => decode(text(1), 0, 2, 0xc3, 0xa9), 'too-large');
  });

  it('refuses to write or read text that is not valid Unicode', () => {
    expectError(() => encode(text(9), 'a\ud800'), 'malformed');
    expectError(() => decode(text(9), 0, 1, 0xff), 'malformed');
  });

  it('a plain text has no space and no look-alikes', () => {
    expect(decode(plainText(2), 0, 2, 0x61, 0x7e)).toBe('a~');
    for (const bad of ['a b', 'é', '\n', '']) expectError(() => encode(plainText(8), bad), 'malformed');
    expectError(() => decode(plainText(8), 0, 1, 0x20), 'malformed');
    expect(encode(plainText(8, { minLength: 0 }), '')).toHaveLength(2);
  });
});

describe('choices', () => {
  const colour = oneOf(['red', 'blue']);
  const shape = union('kind', { dot: struct({}), disc: struct({ radius: u8 }), bar: struct({ size: tuple(u8, 2) }) });

  it('are one byte', () => {
    expect(toHex(encode(colour, 'blue'))).toBe('01');
    expect(toHex(encode(shape, { kind: 'disc', radius: 7 }))).toBe('0107');
    expect(decode(shape, 2, 3, 4)).toEqual({ kind: 'bar', size: [3, 4] });
    expect(decode(optional(u8), 0)).toBeUndefined();
    expect(decode(optional(u8), 1, 9)).toBe(9);
    expect(toHex(encode(optional(u8), undefined))).toBe('00');
  });

  it('of one are no bytes', () => {
    const fixed = struct({ kind: constant('vector'), size: u8 });
    expect(toHex(encode(fixed, { kind: 'vector', size: 7 }))).toBe('07');
    expect(decode(fixed, 7)).toEqual({ kind: 'vector', size: 7 });
  });

  it('know no others', () => {
    expectError(() => encode(colour, 'green' as 'red'), 'malformed', /green is none of red, blue/);
    expectError(() => decode(colour, 2), 'malformed');
    expectError(() => encode(struct({ a: constant(0) }), { a: 1 as 0 }), 'malformed', /^a: must be 0, got 1/);
    expectError(() => encode(shape, { kind: 'sphere' } as never), 'unsupported');
    expectError(() => encode(shape, { kind: 'constructor' } as never), 'unsupported');
    expectError(() => decode(shape, 3), 'unsupported', /^kind: /);
    expectError(() => decode(optional(u8), 2, 9), 'malformed');
  });
});

describe('lists', () => {
  const set = list(u8, { count: u16, min: 1, max: 3, ascending: (a, b) => a - b });

  it('are counted and ascending', () => {
    expect(toHex(encode(set, [1, 5]))).toBe('00020105');
    expect(decode(set, 0, 2, 1, 5)).toEqual([1, 5]);
    for (const bad of [
      [5, 1],
      [5, 5],
    ]) {
      expectError(() => encode(set, bad), 'malformed', /ascending/);
      expectError(() => decode(set, 0, 2, ...bad), 'malformed', /ascending/);
    }
    expectError(() => encode(set, [1, 2, 3, 4]), 'too-large');
    expectError(() => decode(set, 0, 4, 1, 2, 3, 4), 'too-large');
    expectError(() => encode(set, []), 'out-of-range');
    expectError(() => decode(set, 0, 0), 'out-of-range');
    expectError(() => encode(tuple(u8, 2), [1]), 'out-of-range');
  });

  it('refuse a count before they read an item', () => {
    let reads = 0;
    const item: Codec<number> = { write: () => {}, read: () => reads++ };
    expectError(() => decode(list(item, { count: u32, max: 9 }), 0xff, 0xff, 0xff, 0xff), 'too-large');
    expect(reads).toBe(0);
  });
});

describe('structs', () => {
  const leg = struct({ to: bytes(2), amount: within(u32, 1, 100) });
  const journey = refine(struct({ name: text(8), legs: list(leg, { count: u8, max: 4 }), total: u32 }), (value) => {
    const sum = value.legs.reduce((all, each) => all + each.amount, 0);
    if (sum !== value.total) throw new ProtocolError('malformed', `legs of ${sum}`);
  });
  const valid: CodecType<typeof journey> = { name: 'a', legs: [{ to: Uint8Array.of(1, 2), amount: 3 }], total: 3 };

  it('write their fields in order', () => {
    expect(toHex(encode(journey, valid))).toBe('00016101010200000003' + '00000003');
    expect(decode(journey, ...encode(journey, valid))).toEqual(valid);
  });

  it('name the field by its path', () => {
    const legs = [...valid.legs, { to: Uint8Array.of(1, 2), amount: 101 }];
    expectError(() => encode(journey, { ...valid, legs }), 'out-of-range', /^legs\[1\]\.amount: must lie in 1\.\.100/);
    expectError(() => decode(journey, 0, 0, 1, 1, 2, 0, 0, 0, 0), 'out-of-range', /^legs\[0\]\.amount: /);
    expectError(() => decode(journey, 0, 0, 1, 1), 'malformed', /^legs\[0\]\.to: truncated/);
    expectError(() => encode(journey, { ...valid, name: 'too long a name' }), 'too-large', /^name: /);
  });

  it('enforce their extra rule in both directions', () => {
    const bent = encode(journey, valid);
    bent[bent.length - 1] = 4;
    expectError(() => encode(journey, { ...valid, total: 4 }), 'malformed', /legs of 3/);
    expectError(() => decode(journey, ...bent), 'malformed', /legs of 3/);
  });

  it('rethrow an error that is not about the input', () => {
    const broken: Codec<number> = {
      write: () => {
        throw new TypeError('bug');
      },
      read: () => 0,
    };
    expect(() => encode(struct({ broken }), { broken: 1 })).toThrow(TypeError);
  });
});

describe('formats', () => {
  const format = createFormat(struct({ value: u8 }), { tag: 'test-v1', maxBytes: 9 });

  it('open with their tag and end with their last field', () => {
    const encoded = format.encode({ value: 7 });
    expect(toHex(encoded)).toBe('746573742d76310a07');
    expect(format.decode(encoded)).toEqual({ value: 7 });
    expectError(() => format.decode(encoded.subarray(0, 3)), 'malformed', /test-v1/);
    expectError(() => format.decode(Uint8Array.from(encoded, (byte, i) => (i === 6 ? 0x32 : byte))), 'malformed');
    const exact = createFormat(struct({ value: u8 }), { tag: 'test-v1' });
    expectError(() => exact.decode(concatBytes(encoded, Uint8Array.of(0))), 'malformed', /left over/);
  });

  it('are bounded as a whole in both directions', () => {
    const small = createFormat(bytes16(8), { tag: 't', maxBytes: 6 });
    expect(small.encode(new Uint8Array(2))).toHaveLength(6);
    expectError(() => small.encode(new Uint8Array(3)), 'too-large');
    expectError(() => small.decode(new Uint8Array(7)), 'too-large');
  });

  it('can be embedded in others', () => {
    const codec = embedded(format, 9);
    expect(toHex(encode(codec, { value: 7 }))).toBe('00000009746573742d76310a07');
    expect(decode(codec, ...encode(codec, { value: 7 }))).toEqual({ value: 7 });
    expectError(() => encode(embedded(format, 8), { value: 7 }), 'too-large');
    expectError(() => decode(codec, 0, 0, 0, 8, ...encode(u64, 0n)), 'malformed');
  });
});

it('a writer changes no bytes that it has given', () => {
  const writer = createWriter(4).u32(1);
  const given = writer.finish();
  expect(toHex(writer.u8(2).finish())).toBe('0000000102');
  expect(toHex(given)).toBe('00000001');
});
