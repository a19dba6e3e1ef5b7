import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/secret-draw.json' with { type: 'json' };
import { fromHex, toHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeDrawInput, type DrawKind, drawArrivals } from './secret-draw.ts';

describe('secret draws', () => {
  it('match the vectors', () => {
    for (const { kind, epoch, beacon, input, proof, output, arrivals } of vectors.draws) {
      const drawn = computeDrawInput(crypto, { kind: kind as DrawKind, epoch: BigInt(epoch), beacon: fromHex(beacon) });
      expect(toHex(drawn)).toBe(input);
      expect(toHex(crypto.verifyVrf(fromHex(vectors.vrfKey), drawn, fromHex(proof))!)).toBe(output);
      for (const { meanPpm, arrivals: moments } of arrivals) {
        expect(drawArrivals(crypto, fromHex(output), { subject: fromHex(vectors.subject), meanPpm })).toEqual(moments);
      }
    }
  });

  it('arrive as a Poisson process of their mean', () => {
    const epochs = 4_000;
    for (const meanPpm of [50_000, 1_000_000, 3_000_000]) {
      const counts = Array.from({ length: epochs }, (_, i) => {
        const output = new Uint8Array(64);
        output.set(crypto.sha256(utf8Encode(`epoch ${i}`)));
        return drawArrivals(crypto, output, { subject: new Uint8Array(64), meanPpm });
      });
      const mean = counts.reduce((sum, { length }) => sum + length, 0) / epochs;
      const variance = counts.reduce((sum, { length }) => sum + (length - mean) ** 2, 0) / epochs;
      // The inputs are fixed. Both values lie within 6 % of a Poisson process, except at low rates.
      const room = meanPpm < 1_000_000 ? 0.15 : 0.06;
      expect(Math.abs(mean / (meanPpm / 1e6) - 1)).toBeLessThan(room);
      expect(Math.abs(variance / (meanPpm / 1e6) - 1)).toBeLessThan(room);
      for (const moments of counts) expect(moments).toEqual([...moments].sort((a, b) => a - b));
    }
  });

  it('refuse a mean out of range', () => {
    const draw = (meanPpm: number) => () =>
      drawArrivals(crypto, new Uint8Array(64), { subject: new Uint8Array(64), meanPpm });
    for (const mean of [0, -1, 0.5, 4_000_001]) expect(draw(mean)).toThrow('a mean of');
  });
});
