import { describe, expect, it } from 'vitest';
import { rememberParsed } from './remember-parsed.ts';

describe('parsed values that are remembered', () => {
  it('are parsed once, by their content and not their place in memory', () => {
    let calls = 0;
    const parse = rememberParsed((bytes) => ({ sum: bytes.reduce((a, b) => a + b, calls++ * 0) }), 4);
    const held = Uint8Array.of(9, 1, 2, 9);
    expect(parse(Uint8Array.of(1, 2))).toBe(parse(held.subarray(1, 3)));
    expect(calls).toBe(1);
    held[1] = 5;
    expect(parse(held.subarray(1, 3)).sum).toBe(7);
  });

  it('are no more than that many, the oldest out first', () => {
    const seen: number[] = [];
    const parse = rememberParsed((bytes) => seen.push(bytes[0] as number), 2);
    for (const first of [1, 2, 3, 2, 1]) parse(Uint8Array.of(first));
    expect(seen).toEqual([1, 2, 3, 1]);
  });

  it('are no failures', () => {
    let calls = 0;
    const parse = rememberParsed((): never => {
      calls++;
      throw new RangeError('no such value');
    }, 2);
    for (let i = 0; i < 2; i++) expect(() => parse(Uint8Array.of(1))).toThrow(RangeError);
    expect(calls).toBe(2);
  });
});
