import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, ProtocolError, toHex } from '../../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { createDrawSource } from '../sampling/draw-key.ts';
import { TAIL_RANK, WEIGHT_ONE } from '../sampling/sampler.ts';
import { encodeTailDraws, listTailDraws, parseTailDraws } from './tail-draws.ts';

const COUNT = 50;
const anyDraws = fc
  .uniqueArray(fc.tuple(fc.nat(COUNT - 1), fc.nat(WEIGHT_ONE - 1)), { selector: ([position]) => position })
  .map((entries) => new Map(entries.sort(([a], [b]) => a - b)));

describe('tail draws', () => {
  it('round-trip, and no other bytes parse to the same value', () => {
    fc.assert(
      fc.property(anyDraws, fc.nat(), fc.integer({ min: 1, max: 255 }), (draws, at, mask) => {
        const bytes = encodeTailDraws(draws);
        expect(parseTailDraws(bytes, COUNT)).toEqual(draws);
        if (bytes.length === 0) return;
        bytes[at % bytes.length]! ^= mask;
        try {
          expect(encodeTailDraws(parseTailDraws(bytes, COUNT))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { seed: 61 },
    );
  });

  it.each([
    ['half an entry', '00000000'],
    ['a position past the end', '3200000001000000'],
    ['a draw of one', '0000000000000001'],
    ['positions out of order', '05000000010000000400000001000000'],
    ['a position twice', '05000000010000000500000001000000'],
  ])('refuse %s', (_what, hex) => {
    expect(() => parseTailDraws(fromHex(hex), COUNT)).toThrow(ProtocolError);
  });

  it('are limited to the number of positions, before anything is read', () => {
    expect(() => parseTailDraws(new Uint8Array(16), 1)).toThrow(/no tail draws of 1 positions/);
  });

  it('come from the key, at the positions that commit to the tail', () => {
    const row = { ids: Uint32Array.of(5), q: Uint32Array.of(9), tail: 3, rank: 0 };
    const source = createDrawSource(crypto, new Uint8Array(32).fill(4));
    const rows = [
      row,
      { ...row, rank: TAIL_RANK, tailId: 7, tailQ: 1 },
      row,
      { ...row, rank: TAIL_RANK, tailId: 8, tailQ: 1 },
    ];
    const draws = listTailDraws(source, rows);
    expect([...draws]).toEqual([
      [1, source.draw(1)],
      [3, source.draw(3)],
    ]);
    expect(toHex(encodeTailDraws(draws)).slice(0, 8)).toBe('01000000');
  });
});
