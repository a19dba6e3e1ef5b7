import { expect, it } from 'vitest';
import { MersenneTwister } from './mersenne-twister.ts';

it('gives the number that the standard of C++ names', () => {
  const twister = new MersenneTwister(5489);
  for (let i = 1; i < 10_000; i++) twister.next();
  expect(twister.next()).toBe(4_123_659_995);
});

it('makes doubles of two numbers, the first of which is the lower half', () => {
  const [numbers, doubles] = [new MersenneTwister(7), new MersenneTwister(7)];
  const [low, high] = [numbers.next(), numbers.next()];
  expect(doubles.nextDouble()).toBe((low + high * 2 ** 32) / 2 ** 64);
});
