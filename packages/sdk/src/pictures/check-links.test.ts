import { fromBase64, toBase64 } from '@ogong/protocol/base/bytes';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../index.ts';

let gateway: GatewayFixture;
beforeAll(async () => {
  // A step of 32x32 pixels is expected to take 50 ms: two steps an order.
  gateway = await createGatewayFixture({ longestOrderMs: 100 });
});
afterAll(() => gateway.close());

const ask = { model: FAKE_MODEL, prompt: 'a small fox', steps: 6, size: '32x32' };
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

type Receipts = { readonly receipts: readonly object[] };
type Stored = Readonly<Record<'request' | 'response', string>>;

/** A client whose gateway changes the list of receipts, or the links that it shows. */
function createLiedTo({
  receipts = (given) => given,
  stored = (given) => given,
}: {
  readonly receipts?: (given: Receipts['receipts']) => readonly object[];
  readonly stored?: (given: Stored) => object;
}) {
  const lyingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    const isStored = pathname.startsWith('/v1/receipts/') && !pathname.endsWith('/opening') && search === '';
    if (init?.method !== 'POST' && !isStored) return response;
    const body = (await response.json()) as { readonly ogong: Receipts } & Stored;
    if (isStored) return Response.json({ ...body, ...stored(body) });
    return Response.json({ ...body, ogong: { receipts: receipts(body.ogong.receipts) } });
  };
  return createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
}

describe('a picture that was bought as a chain', () => {
  it('is checked link by link, for each of several pictures', async () => {
    const seen: string[] = [];
    const onReceipt = ({ replyId }: { readonly replyId: string }) => seen.push(replyId);
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS, onReceipt });
    const { pictures, replies } = await client.images.generate({ ...ask, n: 2 });
    expect(pictures.map(({ pixels }) => pixels)).toEqual(replies.map(({ response }) => response));
    for (const { links = [], checks, response } of replies) {
      expect(links.map((link) => link.response.length)).toEqual([1024, 1024]);
      expect(response).toHaveLength(32 * 32 * 3);
      expect(checks.find(({ id }) => id === 'chain')).toMatchObject({ status: 'pass' });
    }
    expect(new Set(seen).size).toBe(6);
  });

  it('is checked for ten pictures of two orders each', async () => {
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const { response, pictures, replies } = await client.images.generate({ ...ask, steps: 3, n: 10, seed: 1 });
    expect(pictures.map(({ pixels }) => pixels)).toEqual(replies.map(({ response: signed }) => signed));
    expect(new Set(response.data.map(({ b64_json: png }) => png)).size).toBe(10);
    expect(replies.map(({ choice, links = [] }) => [choice, links.length])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i, 1]),
    );
    expect(response.usage?.output_tokens).toBe(30);
    const refused = client.images.generate({ ...ask, n: 11 });
    await expect(refused).rejects.toMatchObject({ name: 'GatewayApiError', status: 400, param: 'n' });
  });

  const flip = (text: string): string => toBase64(fromBase64(text).map((byte, i) => (i === 8 ? byte ^ 1 : byte)));
  it.each<[string, Parameters<typeof createLiedTo>[0], string]>([
    ['a link left out', { receipts: ([one, , three]) => [one as object, three as object] }, 'request-hash'],
    ['links in another order', { receipts: ([one, two, three]) => [two, one, three] as object[] }, 'request-hash'],
    ['the last link alone', { receipts: (given) => given.slice(-1) }, 'request-hash'],
    ['a changed latent', { stored: ({ response }) => ({ response: flip(response) }) }, 'response-hash'],
    ['a link that cannot be read', { stored: () => ({ request: toBase64(new Uint8Array(3)) }) }, 'chain'],
  ])('is refused with %s', async (_what, lie, code) => {
    const refused = createLiedTo(lie).images.generate(ask);
    await expect(refused).rejects.toMatchObject({ name: 'ReceiptError', code });
  });
});
