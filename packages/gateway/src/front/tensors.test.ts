import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let open: GatewayFixture;
beforeAll(async () => {
  open = await createGatewayFixture();
});
afterAll(() => open.close());

const INPUTS = {
  x: [
    [1, 2, 0.5],
    [-4, 1, 1],
  ],
};
const ask = (fields: object, { url } = open) =>
  fetch(`${url}/v1/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline' },
    body: JSON.stringify({ model: FAKE_MODEL, ...fields }),
  });

interface TensorBody {
  readonly ogong: { readonly receipts: readonly { readonly checks: readonly { readonly status: string }[] }[] };
}

describe('POST /v1/infer', () => {
  it('answers with the signed tensors by name, and a receipt that holds', async () => {
    const response = await ask({ inputs: INPUTS });
    const body = (await response.json()) as TensorBody;
    expect(response.status, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({
      ...{ object: 'tensors', model: FAKE_MODEL, output_names: ['sum', 'label'] },
      outputs: {
        sum: { dtype: 'float32', shape: [2], data: [3.5, -2] },
        label: { dtype: 'string', shape: [2], data: ['more', 'less'] },
      },
      usage: { prompt_tokens: 6, total_tokens: 6 },
    });
    expect(body.ogong.receipts).toHaveLength(1);
    expect(body.ogong.receipts[0]?.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const path = response.headers.get('x-ogong-receipt') as string;
    expect(path).toMatch(/^\/v1\/receipts\/infr-/);
    const receipt = await fetch(`${open.url}${path}`);
    expect(JSON.stringify(await receipt.json())).toContain('"endpoint":"infer"');
    const some = (await (await ask({ inputs: INPUTS, outputs: ['label'] })).json()) as { outputs: object };
    expect(Object.keys(some.outputs)).toEqual(['label']);
  });

  it.each([
    ['no inputs', {}, 'inputs'],
    ['lists of different lengths', { inputs: { x: [[1], [1, 2]] } }, 'inputs.x'],
    ['a stream', { inputs: INPUTS, stream: true }, 'stream'],
  ])('refuses %s and names the parameter', async (_what, fields, param) => {
    const response = await ask(fields);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
  });

  it('gives nothing out that the provider did not sign', async () => {
    const bendResponse = (response: Uint8Array) => response.map((byte, i) => (i === response.length - 1 ? 65 : byte));
    const cheated = await createGatewayFixture({ providers: [{ bendResponse }] });
    try {
      const response = await ask({ inputs: INPUTS }, cheated);
      expect([response.status, await response.json()]).toMatchObject([502, { error: { code: 'ogong_check_failed' } }]);
    } finally {
      await cheated.close();
    }
  });
});
