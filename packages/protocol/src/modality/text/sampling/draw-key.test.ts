import { describe, expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { createDrawSource, createPlainDraws } from './draw-key.ts';

describe('createDrawSource', () => {
  it('draws the same with and without WebAssembly, in any order of positions', () => {
    const [one, other] = [1, 2].map((first) => new Uint8Array(32).fill(first)) as [Uint8Array, Uint8Array];
    const sources = [one, other].map((key) => createDrawSource(crypto, key));
    const plain = [one, other].map((key) => createPlainDraws(crypto, key));
    for (const position of [0, 1, 31, 32, 33, 64, 5, 4_000_000_000, 2 ** 32 - 1, 40]) {
      const draws = sources.map((source) => source.draw(position));
      expect(draws).toEqual(plain.map((source) => source.draw(position)));
      expect(new Set(draws).size).toBe(2);
    }
  });

  it('keeps its key when the caller overwrites it', () => {
    const key = new Uint8Array(32).fill(1);
    const source = createDrawSource(crypto, key);
    const draws = createPlainDraws(crypto, key.slice());
    key.fill(9);
    expect(source.draw(7)).toBe(draws.draw(7));
  });
});
