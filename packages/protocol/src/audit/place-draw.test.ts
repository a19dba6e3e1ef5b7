import { describe, expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { drawPlace } from './place-draw.ts';

const beacon = new Uint8Array(32).fill(7);
const idOf = (index: number): Uint8Array => {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(0, index);
  return id;
};

/** Counts the places that 4,000 reply ids draw. */
function count(prices: readonly bigint[]): number[] {
  const counts = prices.map(() => 0);
  for (let i = 0; i < 4_000; i++) {
    const place = drawPlace(crypto, { beacon, replyId: idOf(i) }, prices);
    counts[place] = (counts[place] as number) + 1;
  }
  return counts;
}

describe('the draw of a place', () => {
  it('follows the prices, and never takes a shard that is paid nothing', () => {
    expect(count([100n, 0n, 200n, 100n])).toEqual([1012, 0, 1992, 996]);
  });

  it('has even chances if nobody is paid', () => {
    expect(count([0n, 0n, 0n, 0n])).toEqual([1013, 997, 996, 994]);
  });

  it('differs between beacons', () => {
    const prices = [1n, 1n];
    const draws = [7, 8, 9, 10, 11, 12].map((byte) =>
      drawPlace(crypto, { beacon: new Uint8Array(32).fill(byte), replyId: idOf(0) }, prices),
    );
    expect(new Set(draws)).toEqual(new Set([0, 1]));
  });
});
