import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from './index.ts';
import type { EmbeddingList } from './types.ts';

let gateway: GatewayFixture;
beforeAll(async () => {
  gateway = await createGatewayFixture();
});
afterAll(() => gateway.close());

const INPUT = ['The little dog', 'a cat'];
const ask = { model: FAKE_MODEL, input: INPUT };
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];
type Shown = { index: number; embedding: number[] | string };

/** A client whose gateway changes the answer on its way, and nothing else. */
function createLiedTo(bend: (data: Shown[]) => unknown) {
  const lyingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST') return response;
    const body = (await response.json()) as EmbeddingList & { data: Shown[] };
    return Response.json({ ...body, data: bend(body.data) });
  };
  return createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
}

describe('embeddings of a client', () => {
  it('are the vectors of the model to the bit, in numbers and in base64, with their proof', async () => {
    const engine = createFakeEmbeddingEngine();
    const expected = (await engine.embed({ inputs: INPUT })).inputs.map(({ vector }) => encodeVector(vector));
    await engine.close();
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const numbers = await client.embeddings.create(ask);
    const shown = numbers.response.data.map(({ embedding }) => encodeVector(embedding as number[]));
    expect(shown).toEqual(expected);
    expect(numbers.receipt.endpoint).toBe('embedding');
    expect(numbers.checks.find(({ id }) => id === 'vectors')?.status).toBe('pass');
    expect(numbers.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(numbers.replies.map(({ response }) => response)).toEqual([
      new Uint8Array(expected.flatMap((bytes) => [...bytes])),
    ]);

    const base64 = await client.embeddings.create({ ...ask, encoding_format: 'base64' });
    expect(base64.replies[0]?.response).toEqual(numbers.replies[0]?.response);
    expect((await client.embeddings.create({ ...ask, input: 'one' })).response.data).toHaveLength(1);
  });

  /** The next f32 away from zero. */
  const nudge = (value: number): number => {
    const bits = new Int32Array(new Float32Array([value]).buffer);
    bits[0] = (bits[0] as number) + 1;
    return new Float32Array(bits.buffer)[0] as number;
  };
  const numbersOf = (entry: Shown | undefined): number[] => entry?.embedding as number[];
  const withFirst = (data: Shown[], embedding: unknown) => [{ ...data[0], embedding }, ...data.slice(1)];
  it.each<[what: string, bend: (data: Shown[]) => unknown, code: string]>([
    [
      'one bit of one value',
      (data) =>
        withFirst(
          data,
          numbersOf(data[0]).map((v, i) => (i === 3 ? nudge(v) : v)),
        ),
      'response-hash',
    ],
    [
      'less than an f32 can tell',
      (data) =>
        withFirst(
          data,
          numbersOf(data[0]).map((v) => v * (1 + 1e-12)),
        ),
      'vectors',
    ],
    [
      'the vectors of the inputs swapped',
      ([a, b]) => [
        { ...b, index: 0 },
        { ...a, index: 1 },
      ],
      'response-hash',
    ],
    [
      'their indices swapped',
      ([a, b]) => [
        { ...a, index: 1 },
        { ...b, index: 0 },
      ],
      'vectors',
    ],
    ['one vector left out', ([a]) => [a], 'vectors'],
    ['one vector too many', ([a, b]) => [a, b, { ...b, index: 2 }], 'vectors'],
    [
      'the same values cut elsewhere',
      ([a, b]) => [
        { ...a, embedding: numbersOf(a).slice(0, -1) },
        { ...b, embedding: [...numbersOf(a).slice(-1), ...numbersOf(b)] },
      ],
      'vectors',
    ],
    ['text for numbers', (data) => withFirst(data, numbersOf(data[0]).map(String)), 'vectors'],
    ['no data', () => undefined, 'vectors'],
  ])('are refused with %s', async (_what, bend, code) => {
    await expect(createLiedTo(bend).embeddings.create(ask)).rejects.toMatchObject({ name: 'ReceiptError', code });
  });

  it('pass on refusals of the gateway', async () => {
    const refused = createClient({ baseUrl: gateway.url, allow: ANCHORS }).embeddings.create({ ...ask, dimensions: 0 });
    await expect(refused).rejects.toMatchObject({ name: 'GatewayApiError', status: 400, param: 'dimensions' });
  });
});
