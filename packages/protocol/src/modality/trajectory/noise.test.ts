import { expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { createLatentNoise, MAX_LATENT_VALUES } from './noise.ts';

const KEY = new Uint8Array(32).fill(3);

it('the noise of a latent has mean 0, variance 1 and nearly the tails of a normal distribution', () => {
  const noise = createLatentNoise(crypto, KEY, 60_000);
  const moment = (power: number): number => noise.reduce((sum, value) => sum + value ** power, 0) / noise.length;
  expect(Math.abs(moment(1))).toBeLessThan(0.02);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
  // A sum of twelve uniform values has kurtosis 2.9.
  expect(Math.abs(moment(4) - 2.9)).toBeLessThan(0.1);
});

it('longer noise begins with the shorter one, and another key has other noise', () => {
  const short = createLatentNoise(crypto, KEY, 37);
  expect(createLatentNoise(crypto, KEY, 80).subarray(0, 37)).toEqual(short);
  expect(createLatentNoise(crypto, new Uint8Array(32), 37)).not.toEqual(short);
});

it.each([0, -1, 1.5, MAX_LATENT_VALUES + 1])('%s values are refused', (count) => {
  expect(() => createLatentNoise(crypto, KEY, count)).toThrow('values of noise');
});
