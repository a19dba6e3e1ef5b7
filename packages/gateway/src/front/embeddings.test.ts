import { fromBase64, toBase64 } from '@ogong/protocol/base/bytes';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let open: GatewayFixture;
beforeAll(async () => {
  open = await createGatewayFixture();
});
afterAll(() => open.close());

const ask = (body: object, { url } = open) =>
  fetch(`${url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline' },
    body: JSON.stringify({ model: FAKE_MODEL, ...body }),
  });

interface EmbeddingBody {
  readonly data: readonly { readonly index: number; readonly embedding: readonly number[] | string }[];
  readonly usage: object;
  readonly ogong: { readonly receipts: readonly { readonly checks: readonly { readonly status: string }[] }[] };
}

const INPUT = ['The little dog', 'a cat'];

/** Vectors of the provider's model for the inputs. */
async function embedHere(): Promise<Float32Array[]> {
  const engine = createFakeEmbeddingEngine();
  try {
    return (await engine.embed({ inputs: INPUT })).inputs.map(({ vector }) => vector);
  } finally {
    await engine.close();
  }
}

describe('POST /v1/embeddings', () => {
  it('answers with the signed vectors to the bit, in numbers and in base64, and a receipt that holds', async () => {
    const vectors = await embedHere();
    const response = await ask({ input: INPUT });
    expect(response.status).toBe(200);
    const body = (await response.json()) as EmbeddingBody;
    expect(body).toMatchObject({ object: 'list', model: FAKE_MODEL, data: [{ index: 0 }, { index: 1 }] });
    expect(body.data.map(({ embedding }) => encodeVector(embedding as number[]))).toEqual(vectors.map(encodeVector));
    const tokens = INPUT.reduce((sum, input) => sum + input.length + 1, 0);
    expect(body.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
    expect(body.ogong.receipts).toHaveLength(1);
    expect(body.ogong.receipts[0]?.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(response.headers.get('x-ogong-receipt')).toMatch(/^\/v1\/receipts\/embd-/);

    const shown = (await (await ask({ input: INPUT, encoding_format: 'base64' })).json()) as EmbeddingBody;
    expect(shown.data.map(({ embedding }) => embedding)).toEqual(
      vectors.map((vector) => toBase64(encodeVector(vector))),
    );
    expect(fromBase64(shown.data[0]?.embedding as string)).toHaveLength(4 * (vectors[0]?.length as number));
  });

  it('keeps a receipt that is served in full', async () => {
    const response = await ask({ input: 'one' });
    const path = response.headers.get('x-ogong-receipt') as string;
    const receipt = await fetch(`${open.url}${path}`);
    expect(receipt.status).toBe(200);
    expect(JSON.stringify(await receipt.json())).toContain('"endpoint":"embedding"');
  });

  it.each([
    ['no input', {}, 'input'],
    ['token ids below zero', { input: [[1, -2]] }, 'input[0]'],
    ['an empty input', { input: ['a', ''] }, 'input[1]'],
    ['dimensions', { input: 'a', dimensions: 0 }, 'dimensions'],
    ['a stream', { input: 'a', stream: true }, 'stream'],
    ['a purpose', { input: 'a', input_type: 'query' }, 'input_type'],
  ])('refuses %s and names the parameter', async (_what, fields, param) => {
    const response = await ask(fields);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
  });

  it('names the fields that it leaves out', async () => {
    const response = await ask({ input: 'a', temperature: 1, made_up: 2, user: 'x' });
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([200, 'temperature, made_up']);
  });

  it('gives nothing out that the provider did not sign, and tells the validators', async () => {
    const bendResponse = (response: Uint8Array) => response.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
    const cheated = await createGatewayFixture({ providers: [{ bendResponse }] });
    try {
      const response = await ask({ input: INPUT }, cheated);
      expect([response.status, await response.json()]).toMatchObject([502, { error: { code: 'ogong_check_failed' } }]);
      await expect.poll(() => cheated.network.complaints.map(({ reason }) => reason)).toEqual(['response-hash']);
    } finally {
      await cheated.close();
    }
  });
});
