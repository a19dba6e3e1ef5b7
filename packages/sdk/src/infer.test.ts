import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from './index.ts';
import type { TensorAnswer } from './types.ts';

let gateway: GatewayFixture;
beforeAll(async () => {
  gateway = await createGatewayFixture();
});
afterAll(() => gateway.close());

const ask = { model: FAKE_MODEL, inputs: { x: [[1, 2, 0.5]] } };
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

/** A client whose gateway changes the answer on its way, and nothing else. */
function createLiedTo(bend: (answer: TensorAnswer) => object) {
  const lyingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    return init?.method === 'POST' ? Response.json(bend((await response.json()) as TensorAnswer)) : response;
  };
  return createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
}

describe('tensors of a client', () => {
  it('are those of the model to the bit, with their proof', async () => {
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const { response, receipt, checks } = await client.infer({ ...ask, outputs: ['label', 'sum'] });
    expect(response.outputs.sum).toEqual({ dtype: 'float32', shape: [1], data: [3.5] });
    expect(response.output_names).toEqual(['label', 'sum']);
    expect(receipt.endpoint).toBe('infer');
    expect(checks.find(({ id }) => id === 'tensors')?.status).toBe('pass');
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  const withSum = (answer: TensorAnswer, change: object) => ({
    ...answer,
    outputs: { ...answer.outputs, sum: { ...answer.outputs.sum, ...change } },
  });
  it.each<[string, (answer: TensorAnswer) => object, string]>([
    ['one bit of a value', (answer) => withSum(answer, { data: [3.5000002384185791] }), 'response-hash'],
    ['less than an f32 can tell', (answer) => withSum(answer, { data: [3.5000000001] }), 'tensors'],
    ['another type', (answer) => withSum(answer, { dtype: 'float64' }), 'response-hash'],
    [
      'an output left out',
      ({ outputs: { sum }, ...rest }) => ({ ...rest, outputs: { sum }, output_names: ['sum'] }),
      'response-hash',
    ],
    ['names that lack one', (answer) => ({ ...answer, output_names: ['sum'] }), 'tensors'],
    ['no outputs', ({ outputs: _, ...rest }) => rest, 'tensors'],
  ])('are refused with %s', async (_what, bend, code) => {
    await expect(createLiedTo(bend).infer(ask)).rejects.toMatchObject({ name: 'ReceiptError', code });
  });
});
