import { refuseInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckedReply, createClient } from './index.ts';
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

  describe('of more inputs than one order has', () => {
    const input = Array.from({ length: 600 }, (_, i) => `text ${i}`);

    it('are joined in the order of the inputs, with the proof of each order', async () => {
      const seen: string[] = [];
      const onReceipt = ({ replyId }: CheckedReply) => seen.push(replyId);
      const client = createClient({ baseUrl: gateway.url, allow: ANCHORS, onReceipt });
      const { response, replies } = await client.embeddings.create({ ...ask, input });
      expect(response.data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
      const last = await client.embeddings.create({ ...ask, input: input.slice(-1) });
      expect(response.data.at(-1)?.embedding).toEqual(last.response.data[0]?.embedding);
      expect(replies.map(({ choice, response: bytes }) => [choice, bytes.length / 128])).toEqual([
        ...[
          [0, 256],
          [1, 256],
          [2, 88],
        ],
      ]);
      expect(response.usage?.prompt_tokens).toBe(input.reduce((sum, text) => sum + text.length + 1, 0));
      expect((response.ogong as { receipts: object[] }).receipts).toHaveLength(3);
      expect(seen.slice(0, 3)).toEqual(replies.map(({ replyId }) => replyId));
    });

    it('fail with the refusal of one order, the number of the input in the call, and the paid replies', async () => {
      const refusal = 'input 44 has 600 tokens, the context holds 256';
      for (const provider of gateway.network.providers) {
        provider.behaviour = {
          refuseBody: (body) => (new TextDecoder().decode(body).includes('"text 300"') ? refusal : undefined),
        };
      }
      const seen: string[] = [];
      const onReceipt = ({ replyId }: CheckedReply) => seen.push(replyId);
      try {
        const failing = createClient({ baseUrl: gateway.url, allow: ANCHORS, onReceipt }).embeddings.create({
          ...ask,
          input,
        });
        await expect(failing).rejects.toMatchObject({
          name: 'GatewayApiError',
          status: 400,
          message: expect.stringMatching(/input 300 has 600 tokens.*1 of 3 parts of this call/),
        });
        await expect(failing).rejects.toThrow(seen[0]);
        expect(seen).toHaveLength(1);
      } finally {
        for (const provider of gateway.network.providers) provider.behaviour = {};
      }
    });

    it('are asked in smaller parts if the vectors of the model are long', async () => {
      for (const provider of gateway.network.providers) {
        provider.behaviour = {
          refuseBody: (body) => {
            const { length } = (JSON.parse(new TextDecoder().decode(body)) as { readonly input: string[] }).input;
            return length > 200 ? refuseInputs(length, 200) : undefined;
          },
        };
      }
      try {
        const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
        const { response, replies } = await client.embeddings.create({ ...ask, input });
        expect(response.data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
        expect(replies.map(({ response: bytes }) => bytes.length / 128)).toEqual([200, 200, 200]);
      } finally {
        for (const provider of gateway.network.providers) provider.behaviour = {};
      }
    });

    it.each([
      ['too few inputs', 1, [256, 16]],
      ['as many inputs as the order has', 256, [256]],
    ])('are refused if a refusal names %s', async (_what, named, expected) => {
      const sizes = new Set<number>();
      for (const provider of gateway.network.providers) {
        provider.behaviour = {
          refuseBody: (body) => {
            const { length } = (JSON.parse(new TextDecoder().decode(body)) as { readonly input: string[] }).input;
            sizes.add(length);
            return refuseInputs(length, named);
          },
        };
      }
      try {
        const refused = createClient({ baseUrl: gateway.url, allow: ANCHORS }).embeddings.create({ ...ask, input });
        await expect(refused).rejects.toThrow(`this model takes ${named} at a time`);
        expect([...sizes]).toEqual(expected);
      } finally {
        for (const provider of gateway.network.providers) provider.behaviour = {};
      }
    });

    it('are refused by the gateway if they are too many, or if one is empty', async () => {
      const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
      const refused = { name: 'GatewayApiError', status: 400 };
      const many = client.embeddings.create({ ...ask, input: Array(2_049).fill('a') });
      await expect(many).rejects.toMatchObject({ ...refused, param: 'input' });
      const empty = client.embeddings.create({ ...ask, input: [...input, ''] });
      await expect(empty).rejects.toMatchObject({ ...refused, param: 'input[600]' });
    });

    it('are refused if one reply stands for two orders', async () => {
      let first: object | undefined;
      const lyingFetch: typeof fetch = async (url, init) => {
        const response = await fetch(url, init);
        if (init?.method !== 'POST') return response;
        first ??= (await response.json()) as object;
        return Response.json(first);
      };
      const client = createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
      const twice = client.embeddings.create({ ...ask, input: Array(512).fill('a') });
      await expect(twice).rejects.toMatchObject({ name: 'ReceiptError', code: 'missing' });
    });
  });
});
