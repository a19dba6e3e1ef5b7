import { fromBase64 } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { readShownTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeTensorEngine } from '@ogong/testing/engine/fake-tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('sums')],
    open: (reference) => (reference.includes('sums') ? createFakeTensorEngine() : createFakeEngine()),
  });
});
afterAll(() => fixture.close());

const inputs = { x: [[1, 2, 0.5]] };

describe('POST /v1/infer on this machine', () => {
  it('answers with tensors, and a receipt that holds for them and for no other ones', async () => {
    const response = await fixture.post('/v1/infer', { model: 'sums', inputs });
    const answer = (await response.json()) as { outputs: object };
    expect(response.status, JSON.stringify(answer)).toBe(200);
    expect(answer.outputs).toMatchObject({ sum: { data: [3.5] }, label: { data: ['more'] } });
    const path = response.headers.get('x-ogong-receipt') as string;
    const text = await (await fetch(`${fixture.base}${path}`)).text();
    const served = JSON.parse(text) as { request: string; response: string };
    const held = { request: fromBase64(served.request), response: fromBase64(served.response) };
    expect(held.response).toEqual(readShownTensors(answer));
    const verify = (change: Partial<typeof held>) => {
      const { checks } = verifyLocalReceipt(parseAnyReceipt(text) as LocalReceipt, { crypto, ...held, ...change });
      return checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    };
    expect(verify({})).toEqual([]);
    expect(verify({ response: held.response.slice(1) })).toEqual(['response-hash', 'response-size']);
    const request = new TextEncoder().encode(JSON.stringify({ model: 'sums', inputs: { x: [[1, 2]] } }));
    expect(verify({ request })).toEqual(['request-hash', 'response-hash', 'blinding', 'inputs']);
  });

  it('refuses inputs of another form, and models of another kind', async () => {
    const ask = async (body: object) => {
      const response = await fixture.post('/v1/infer', body);
      return [response.status, await response.text()];
    };
    expect(await ask({ model: 'sums', inputs: { z: 1 } })).toEqual([400, expect.stringContaining('no input z')]);
    expect(await ask({ model: 'sums', inputs: { x: [[]] } })).toEqual([400, expect.stringContaining('no values')]);
    expect(await ask({ model: 'fake', inputs })).toEqual([400, expect.stringContaining('tensors')]);
    const chat = await fixture.post('/v1/chat/completions', { model: 'sums', messages: [] });
    expect(chat.status).toBe(400);
  });
});
