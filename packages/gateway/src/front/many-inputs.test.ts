import { Refusal } from '@ogong/host/link/link-error';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import { MAX_CALL_INPUTS, refuseInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let directory: TestDirectory;
let fixture: GatewayFixture;
let keysPath: string;
beforeAll(async () => {
  directory = createTestDirectory('many-inputs');
  keysPath = `${directory.path}/accounts.db`;
  await addTestKey({ path: keysPath, name: 'first' });
  fixture = await createGatewayFixture({ keysPath });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});
afterEach(() => {
  for (const provider of fixture.network.providers) provider.behaviour = {};
});

const addKey = async (name: string, tokensPerMinute?: number): Promise<string> =>
  (await addTestKey({ path: keysPath, name, ...(tokensPerMinute !== undefined && { tokensPerMinute }) })).secret;
const count = (length: number): string[] => Array.from({ length }, (_, i) => `text ${i}`);
const ask = (secret: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${fixture.url}/v1/embeddings`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-ogong-receipt': 'inline', authorization: `Bearer ${secret}` },
      ...headers,
    },
    body: JSON.stringify({ model: FAKE_MODEL, ...body }),
  });

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
type Body = any;

/** Refuses the order that has a text, as a provider words it. */
function refuse(text: string, message: string): void {
  for (const provider of fixture.network.providers) {
    provider.behaviour = {
      refuseBody: (body) => (utf8Decode(body).includes(`"${text}"`) ? message : undefined),
    };
  }
}

describe('an embedding call of several orders', () => {
  it('has one vector for each of 257 inputs, one list, and a receipt for each order', async () => {
    const secret = await addKey('a');
    const input = count(257);
    const response = await ask(secret, { input });
    expect(response.status).toBe(200);
    const body: Body = await response.json();
    const engine = createFakeEmbeddingEngine();
    const first = (await engine.embed({ inputs: input.slice(0, 256) })).inputs;
    const last = (await engine.embed({ inputs: input.slice(256) })).inputs;
    await engine.close();
    const own = [...first, ...last];
    expect(body.data.map(({ index }: Body) => index)).toEqual(input.map((_, i) => i));
    expect(body.data.map(({ embedding }: Body) => embedding)).toEqual(own.map(({ vector }) => [...vector]));
    const tokens = own.reduce((sum, one) => sum + one.tokens.length, 0);
    expect(body.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
    const { receipts } = body.ogong;
    expect(receipts).toHaveLength(2);
    expect(receipts.flatMap(({ checks }: Body) => checks).filter(({ status }: Body) => status === 'fail')).toEqual([]);
    expect(new Set(receipts.map(({ reply_id: id }: Body) => id)).size).toBe(2);

    const path = response.headers.get('x-ogong-receipt') as string;
    for (const [choice, { reply_id: id }] of receipts.entries()) {
      const kept = await fetch(`${fixture.url}${path}?choice=${choice}`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      expect(await kept.json()).toMatchObject({ reply_id: id });
    }
  });

  it(`serves ${MAX_CALL_INPUTS} inputs and refuses one more before it buys any`, async () => {
    const secret = await addKey('b');
    const body: Body = await (await ask(secret, { input: count(MAX_CALL_INPUTS), encoding_format: 'base64' })).json();
    expect(body.data).toHaveLength(MAX_CALL_INPUTS);
    expect(body.ogong.receipts).toHaveLength(8);
    const ordered = fixture.network.orders.length;
    const refused = await ask(secret, { input: count(MAX_CALL_INPUTS + 1) });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'input' } }]);
    expect(fixture.network.orders).toHaveLength(ordered);
  });

  it('has as many inputs in an order as the vectors of its model allow', async () => {
    const sizes: number[] = [];
    for (const provider of fixture.network.providers) {
      provider.behaviour = {
        refuseBody: (body) => {
          const { input } = JSON.parse(utf8Decode(body)) as { readonly input: readonly string[] };
          sizes.push(input.length);
          return input.length > 64 ? refuseInputs(input.length, 64) : undefined;
        },
      };
    }
    const plain = { 'x-ogong-receipt': '' };
    const body: Body = await (await ask(await addKey('h'), { input: count(300) }, plain)).json();
    expect(body.data.map(({ index }: Body) => index)).toEqual(count(300).map((_, i) => i));
    expect(body.ogong.receipts).toHaveLength(5);
    expect(sizes.filter((size) => size <= 64).sort((a, b) => a - b)).toEqual([44, 64, 64, 64, 64]);
    expect(new Set(sizes.filter((size) => size > 64))).toEqual(new Set([256]));
  });

  it.each([
    ['too few inputs', 1, [40, 16]],
    ['more inputs than the order has', 64, [40]],
  ])('asks no further than every model allows if a refusal names %s', async (_what, named, expected) => {
    const sizes = new Set<number>();
    for (const provider of fixture.network.providers) {
      provider.behaviour = {
        refuseBody: (body) => {
          const { input } = JSON.parse(utf8Decode(body)) as { readonly input: readonly string[] };
          sizes.add(input.length);
          return refuseInputs(input.length, named);
        },
      };
    }
    const refused = await ask(await addKey(`most ${named}`), { input: count(40) }, { 'x-ogong-receipt': '' });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: { message: expect.stringContaining(`this model takes ${named} at a time`) } },
    ]);
    expect([...sizes]).toEqual(expected);
  });

  it('may have a body that is larger than one order', async () => {
    const secret = await addKey('g');
    const inputs = JSON.stringify(count(500)).replaceAll('","', `",${' '.repeat(3_000)}"`);
    const large = `{"input":${inputs},"model":"${FAKE_MODEL}"}`;
    expect(large.length).toBeGreaterThan(1024 * 1024);
    const send = (body: string) =>
      fetch(`${fixture.url}/v1/embeddings`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
        body,
      });
    const body: Body = await (await send(large)).json();
    expect(body.data).toHaveLength(500);
    expect((await send(`${large}${' '.repeat(4 * 1024 * 1024)}`)).status).toBe(413);
  });

  it('names an invalid input by its number in the call', async () => {
    const refused = await ask(await addKey('c'), { input: [...count(300), ''] });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'input[300]' } }]);
  });

  it('counts all inputs before the first order', async () => {
    const input = count(257);
    const bound = input.reduce((sum, text) => sum + text.length + 16, 0);
    const ordered = fixture.network.orders.length;
    const secret = await addKey('d', 2 * bound);
    expect((await ask(secret, { input })).status).toBe(200);
    const refused = await ask(secret, { input: count(2_048) });
    expect([refused.status, await refused.json()]).toMatchObject([429, { error: { code: 'rate_limit_exceeded' } }]);
    expect(fixture.network.orders).toHaveLength(ordered + 2);
  });

  it('fails with the refusal of one order, the number of the input in the call, and the paid orders', async () => {
    refuse('text 700', 'input 188 has 600 tokens, the context holds 256');
    const secret = await addKey('e');
    const refused = await ask(secret, { input: count(2_000) });
    const { error }: Body = await refused.json();
    expect(refused.status).toBe(400);
    expect(error.message).toContain('input 700 has 600 tokens');
    const [, paid, path, last] =
      /(\d) of the 8 orders of this call were answered and are paid: (\S+)\?choice=0 to (\d)\./.exec(error.message) ??
      [];
    expect(Number(last)).toBe(Number(paid) - 1);
    const headers = { authorization: `Bearer ${secret}` };
    const show = (choice: number) => fetch(`${fixture.url}${path}?choice=${choice}`, { headers });
    expect((await show(Number(last))).status).toBe(200);
    expect((await show(Number(paid))).status).toBe(404);
  });

  it('says nothing of paid orders if there are none', async () => {
    for (const provider of fixture.network.providers) provider.behaviour = { refuse: new Refusal('invalid', 'no') };
    const { error }: Body = await (await ask(await addKey('f'), { input: count(300) })).json();
    expect(error.message).toMatch(/refuses the request: no$/);
  });
});
