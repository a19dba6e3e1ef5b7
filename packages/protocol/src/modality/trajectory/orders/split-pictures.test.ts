import { expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { parsePictureRequest } from '../request.ts';
import { MAX_PICTURES, splitPictures } from './split-pictures.ts';

const model = 'ogong/verified/a/b';
const encode = (value: object): Uint8Array => utf8Encode(JSON.stringify({ model, prompt: 'a fox', ...value }));
const split = (value: object) => splitPictures(encode(value)).map((body) => parsePictureRequest(body));

it.each([{}, { n: 1 }, { n: 8, seed: 3 }, { n: null }])('leaves the bytes of %j as they are', (fields) => {
  const body = utf8Encode(` ${utf8Decode(encode(fields))}`);
  expect(splitPictures(body)).toEqual([body]);
});

it('asks for the pictures beyond an order in another one', () => {
  const parts = split({ n: MAX_PICTURES, size: '64x64' });
  expect(parts.map(({ choices }) => choices)).toEqual([8, 2]);
  expect(parts.map(({ size }) => size)).toEqual(Array(2).fill({ width: 64, height: 64 }));
  expect(parts.map(({ seed }) => seed)).toEqual([undefined, undefined]);
  expect(split({ n: 9 }).map(({ choices }) => choices)).toEqual([8, 1]);
});

it.each([0, 1, -1, 2 ** 53 - 1, 1 - 2 ** 53])('gives the others a valid seed that is not %i', (seed) => {
  const seeds = split({ n: MAX_PICTURES, seed }).map((part) => part.seed);
  expect(seeds[0]).toBe(BigInt(seed));
  expect(seeds[1]).not.toBe(seeds[0]);
});

it.each([
  [{ n: 11 }, 'n'],
  [{ n: 0 }, 'n'],
  [{ n: 9.5 }, 'n'],
  [{ n: '10' }, 'n'],
])('refuses %j', (fields, param) => {
  expect(() => split(fields)).toThrow(expect.objectContaining({ name: 'RequestError', param }));
});

it('leaves an invalid seed to the reader of each order', () => {
  expect(() => split({ n: 10, seed: 'x' })).toThrow(expect.objectContaining({ param: 'seed' }));
});
