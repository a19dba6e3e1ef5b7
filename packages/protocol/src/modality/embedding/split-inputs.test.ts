import { expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { MAX_REQUEST_BYTES } from '../../exchange/limits.ts';
import { MAX_INPUTS, parseEmbeddingRequest } from './request.ts';
import {
  MAX_CALL_BYTES,
  MAX_CALL_INPUTS,
  readMostInputs,
  refuseInputs,
  renumberInput,
  splitInputs,
} from './split-inputs.ts';
import { MAX_DIMENSIONS } from './vector.ts';

const model = 'ogong/verified/a/b';
const encode = (value: object): Uint8Array => utf8Encode(JSON.stringify({ model, ...value }));
const count = (length: number): string[] => Array.from({ length }, (_, i) => `text ${i}`);
const refusalOf = (param: string) => expect.objectContaining({ name: 'RequestError', param });

it.each([{ input: 'a' }, { input: count(MAX_INPUTS) }, { input: Array(MAX_INPUTS + 1).fill(7) }, { input: 5 }, {}])(
  'leaves the bytes of a body that one order answers as they are',
  (fields) => {
    const body = utf8Encode(` ${utf8Decode(encode(fields))}`);
    expect(splitInputs(body)).toEqual([{ body, first: 0 }]);
  },
);

it.each([MAX_INPUTS + 1, MAX_CALL_INPUTS])('makes requests of consecutive inputs of %i', (length) => {
  const input = count(length);
  const parts = splitInputs(encode({ input, encoding_format: 'base64', ogong: { exact: true } }));
  const requests = parts.map(({ body }) => parseEmbeddingRequest(body));
  expect(requests.flatMap(({ inputs }) => inputs)).toEqual(input);
  expect(parts.map(({ first }) => first)).toEqual(requests.map((_, i) => i * MAX_INPUTS));
  expect(requests.every(({ demands, encodingFormat }) => demands.exact && encodingFormat === 'base64')).toBe(true);
});

it('makes each answer small enough for the dimensions that the request names', () => {
  const parts = splitInputs(encode({ input: count(300), dimensions: MAX_DIMENSIONS }));
  expect(parts.map(({ body }) => parseEmbeddingRequest(body).inputCount)).toEqual([...Array(18).fill(16), 12]);
  expect(splitInputs(encode({ input: count(300), dimensions: 8 }))).toHaveLength(2);
});

it('makes each body small enough for an order', () => {
  const input = Array.from({ length: 40 }, (_, i) => `${i} ${'é'.repeat(50_000)}`);
  const parts = splitInputs(encode({ input, user: 'x'.repeat(60_000) }));
  expect(parts.map(({ body }) => body.length <= MAX_REQUEST_BYTES)).toEqual(Array(5).fill(true));
  expect(parts.map(({ first }) => first)).toEqual([0, 9, 18, 27, 36]);
  expect(parts.flatMap(({ body }) => parseEmbeddingRequest(body).inputs)).toEqual(input);
  const filled = Array(8).fill('x'.repeat(MAX_REQUEST_BYTES / 8));
  expect(splitInputs(encode({ input: filled })).map(({ body }) => parseEmbeddingRequest(body).inputCount)).toEqual([
    7, 1,
  ]);
});

it('refuses a body beyond all orders, and a single input beyond one', () => {
  expect(() => splitInputs(new Uint8Array(MAX_CALL_BYTES + 1))).toThrow(`at most ${MAX_CALL_BYTES} bytes`);
  const large = Array(MAX_REQUEST_BYTES).fill(1);
  expect(() => splitInputs(encode({ input: ['a', large] }))).toThrow(refusalOf('input[1]'));
});

it('splits lists of token ids, too', () => {
  const parts = splitInputs(encode({ input: Array(MAX_INPUTS + 2).fill([1, 2]) }));
  expect(parts.map(({ body }) => parseEmbeddingRequest(body).inputCount)).toEqual([MAX_INPUTS, 2]);
});

it('refuses too many inputs', () => {
  expect(() => splitInputs(encode({ input: count(MAX_CALL_INPUTS + 1) }))).toThrow(refusalOf('input'));
});

it.each([
  ['', 'input[300]'],
  [[1, -1], 'input[300]'],
  ['\ud800', 'input[300]'],
])('names the input %j by its number in the call', (wrong, param) => {
  expect(() => splitInputs(encode({ input: [...count(300), wrong] }))).toThrow(refusalOf(param));
});

it('refuses other fields that would be large in all orders together', () => {
  const user = 'x'.repeat(64 * 1024);
  expect(() => splitInputs(encode({ input: count(MAX_INPUTS + 1), user }))).toThrow(refusalOf('input'));
  expect(splitInputs(encode({ input: count(MAX_INPUTS), user }))).toHaveLength(1);
});

it.each([
  ['input 3 has 600 tokens, at most 512 fit', 'input 259 has 600 tokens, at most 512 fit'],
  [
    'The provider refuses the request: input 0 makes no token',
    'The provider refuses the request: input 256 makes no token',
  ],
  ['input 12: token 9 is unknown', 'input 268: token 9 is unknown'],
  ['257 inputs; an input 3000 has none', '257 inputs; an input 3000 has none'],
])('renames the input of %j', (message, renamed) => {
  expect(renumberInput(message, 256)).toBe(renamed);
});

it.each([
  [255, 255],
  [16, 16],
  [15, 16],
  [1, 16],
])('reads the most inputs of one order from a refusal that names %i: %i', (named, most) => {
  expect(readMostInputs(`The provider refuses the request: ${refuseInputs(256, named)}`)).toBe(most);
});

it.each([refuseInputs(256, 0), refuseInputs(256, 1_000), refuseInputs(256, -1), 'input 3 has 600 tokens'])(
  'reads no number from %j',
  (message) => {
    expect(readMostInputs(message)).toBeUndefined();
  },
);
